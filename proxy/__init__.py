"""The data path: the user is served by the primary stack alone, and no shadow changes what the user sees."""
