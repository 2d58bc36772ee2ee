-- wrk posts the review that $REVIEW names, and prints the result in one line.

function init()
   local file = assert(io.open(os.getenv("REVIEW"), "rb"))
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   wrk.body = file:read("*a")
   file:close()
   request = function() return nil end
   local text = wrk.format()
   request = function() return text end
end

-- requests, bytes, microseconds in all, p50 and p99 in microseconds, errors
function done(summary, latency, _)
   local e = summary.errors
   io.write(string.format("RESULT %d %d %d %d %d %d\n",
      summary.requests, summary.bytes, summary.duration,
      latency:percentile(50), latency:percentile(99),
      e.connect + e.read + e.write + e.status + e.timeout))
end
