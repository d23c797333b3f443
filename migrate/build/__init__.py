"""Builds the new tree, step by step: journalled, resumable, undoable, and dry unless told to execute."""
