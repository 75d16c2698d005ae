-- What wrk sends, and how it reports: wrk -s load.lua URL -- KIND
-- init runs before wrk builds its one request, so nothing here runs per request.

local body = string.rep("0123456789abcdef", 640)

-- The twelve fields of a browser; Host is the first and wrk's own.
local browser = {
  ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
  ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
  ["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8,fr;q=0.7",
  ["Accept-Encoding"] = "gzip, deflate, br, zstd",
  ["Cookie"] = "session=5f0c9d2ab47e4d1f8f3b6a7c; csrftoken=Qm9nDk2LrT8vXwYz; theme=dark",
  ["Referer"] = "http://127.0.0.1/previous/page?with=a&query=string",
  ["Cache-Control"] = "max-age=0",
  ["Upgrade-Insecure-Requests"] = "1",
  ["Sec-Fetch-Dest"] = "document",
  ["Sec-Fetch-Mode"] = "navigate",
  ["Sec-Fetch-Site"] = "same-origin",
}

local kinds = {
  plain = function() end,
  browser = function()
    for name, value in pairs(browser) do
      wrk.headers[name] = value
    end
  end,
  post = function()
    wrk.method = "POST"
    wrk.body = body
    wrk.headers["Content-Type"] = "application/octet-stream"
  end,
}

function init(args)
  kinds[args[1]]()
end

function done(summary, latency)
  local e = summary.errors
  local report = '\nbench {"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%.1f,"p99_us":%.1f,'
    .. '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n'
  io.write(report:format(summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout))
end
