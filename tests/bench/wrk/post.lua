-- A small order, the same each time.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"customer": 12, "note": "' .. string.rep("x", 900) .. '", "lines": [{"article": 7, "count": 3}]}'
