-- No two requests have the same head: path, query and a header change each time, and from run to run.
local run = string.format("%x", os.time())
local n = 0
local host

function init()
  host = wrk.host .. ":" .. wrk.port
end

function request()
  n = n + 1
  return "GET /users/" .. n .. "?page=" .. n % 977 .. "&run=" .. run .. " HTTP/1.1\r\nHost: " .. host
    .. "\r\nX-Trace: " .. run .. "-" .. n .. "\r\nAccept: application/json\r\n\r\n"
end
