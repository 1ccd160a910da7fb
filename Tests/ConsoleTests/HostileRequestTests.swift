import Testing

@Suite struct HostileRequestTests {
  @Test func `what a query may not hold is refused with its reason`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      let points = "/api/v1/series/bg-tr-001/speed"
      let refused: [(String, String)] = [
        ("/api/v1/devices?site=x", "unknown key \"site\"; known here: limit, after"), ("/livez?x=1", "there are none here"),
        ("/api/v1/devices/bg-tr-001?limit=1", "unknown key"), ("/api/v1/devices?limit=", "limit"), ("/api/v1/devices?limit=0", "1 to 500"),
        ("/api/v1/devices?limit=501", "1 to 500"), ("/api/v1/devices?limit=-1", "limit"), ("/api/v1/devices?limit=1e2", "limit"),
        ("/api/v1/devices?limit=99999999999999999999", "limit"), ("/api/v1/devices?limit=1&limit=2", "twice"),
        ("/api/v1/devices?limit=1&%6Cimit=2", "twice"), ("/api/v1/devices?limit=%ff", "UTF-8"),
        ("/api/v1/devices?&", "unknown key"), ("/api/v1/devices?after=", "after"), ("/api/v1/devices?after=%00", "after"),
        ("/api/v1/alerts?after=ZDEKYmctdHItMDAx", "after"),
        ("/api/v1/alerts?state=open", "raised or cleared"), ("/api/v1/alerts?state=raised'%20OR%201=1--", "raised or cleared"),
        ("/api/v1/alerts?limit=501", "1 to 500"), ("\(points)?limit=10001", "1 to 10000"), ("\(points)?from=yesterday", "from must be"),
        ("\(points)?to=-1", "to must be"), ("\(points)?from=253402300800000", "from must be"), ("\(points)?from=2&to=1", "later"),
        ("\(points)?status=bad", "all or good"), ("\(points)?step=5", "step"), ("\(points)?step=0s", "1s"),
        ("\(points)?fn=mean", "fn needs a step"), ("\(points)?step=5m&fn=median", "mean or min"),
        ("\(points)?step=5m&status=all", "status"),
        ("\(points)?step=5m&from=2&to=1", "from is later"), ("/api/v1/series?step=5m", "200000 points"),
        ("\(points)?format=xml", "json or csv"),
        ("/api/v1/devices?\((1...17).map { "k\($0)=1" }.joined(separator: "&"))", "at most 16"),
      ]
      for (target, words) in refused {
        try expectProblem(try await console.get(target), 400, words)
      }
    }
  }

  @Test func `addresses that are not there, too long or not GET are refused`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      for target in [
        "/", "/index.html", "/livez/", "/api/v1", "/api/v1/devices/", "/api/v1/devices/nobody", "/api/v1/devices/BG-TR-001",
        "/api/v1/devices/..%2f..%2fetc%2fpasswd", "/api/v1/devices/bg-tr-001/x", "/api/v1/series/bg-tr-001/weight",
        "/api/v1/series/x/speed",
        "/api/v1/series/bg-tr-001", "/api/v1/alerts/'%20OR%20''='", "/api/v1/alerts/%00", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a",
      ] {
        try expectProblem(try await console.get(target), 404)
      }
      try expectProblem(try await console.get("/\(String(repeating: "a", count: 5000))"), 414)
      try expectProblem(try await console.get("/livez?\(String(repeating: "a", count: 5000))"), 414)
      for target in ["/livez", "/readyz", "/metrics", "/api/v1/devices"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
          let refused = try await console.get(target, method: method)
          try expectProblem(refused, 405)
          #expect(refused.headers["allow"] == "GET, HEAD")
        }
      }
    }
  }

  @Test func `every answer carries the protective headers, and HEAD answers without a body`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      for target in ["/livez", "/readyz", "/metrics", "/api/v1/devices", "/nowhere", "/api/v1/devices?x=1"] {
        let reply = try await console.get(target)
        #expect(reply.headers["x-content-type-options"] == "nosniff")
        #expect(reply.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'")
        #expect(reply.headers["cache-control"] == "no-store")
      }
      let head = try await console.get("/livez", method: "HEAD")
      #expect((head.status, head.text, head.headers["content-length"]) == (200, "", "3"))
    }
  }
}
