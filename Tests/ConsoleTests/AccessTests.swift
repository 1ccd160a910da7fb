import Testing

@Suite struct AccessTests {
  /// Every API address, on things that exist where the route names any.
  private func addresses(_ console: RunningConsole) -> [String] {
    console.routes.filter { $0.hasPrefix("/api/") }.map {
      $0.replacing("/devices/{id}", with: "/devices/bg-tr-001").replacing("{device}", with: "bg-tr-001").replacing(
        "{metric}", with: "speed"
      )
      .replacing("{id}", with: "none")
    }
  }

  @Test func `every API address refuses a request without the very token`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      let token = TestTown.token
      let addresses = addresses(console)
      #expect(addresses.count == 13)
      for address in addresses {
        let allowed = try await console.get(address)
        #expect(allowed.status == (address.contains("none") ? 404 : 200), "\(address): \(allowed.text)")
        let wrong: [String?] = [
          nil, "", "Bearer", "Bearer ", "Bearer \(token)x", "Bearer \(token.dropLast())", "Bearer \(token)\(token)", "Bearer  \(token)",
          "Bearer \(token.uppercased())", "Basic \(token)", token, "Bearer x, Bearer \(token)",
        ]
        for authorization in wrong {
          let refused = try await console.get(address, authorization: authorization)
          try expectProblem(refused, 401, "http.token_file")
          #expect(refused.headers["www-authenticate"] == "Bearer realm=\"thuong\"")
        }
      }
      #expect(try await console.get("/api/v1/devices", authorization: "bearer \(token)").status == 200)
    }
  }

  @Test func `no spelling, method or unknown address passes by the token`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      for address in ["/%61pi/v1/devices", "/api", "/api/", "/api/v2/devices", "/api/v1/devices?x=1"] {
        try expectProblem(try await console.get(address, authorization: nil), 401)
      }
      for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        try expectProblem(try await console.get("/api/v1/devices", method: method, authorization: nil), 401)
      }
      // These are no API addresses at all.
      for address in ["//api/v1/devices", "/./api/v1/devices", "/API/v1/devices"] {
        let reply = try await console.get(address, authorization: nil)
        #expect(reply.status == 404 || reply.status == 401, "\(address)")
      }
    }
  }

  @Test func `without a configured token the API refuses everybody and says which key is missing`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort(), hasToken: false)) { console in
      for address in addresses(console) {
        for authorization in [nil, "Bearer ", "Bearer \(TestTown.token)"] {
          try expectProblem(try await console.get(address, authorization: authorization), 401, "http.token_file")
        }
      }
      #expect(try await console.get("/livez", authorization: nil).status == 200)
      #expect(try await console.get("/metrics", authorization: nil).status == 200)
    }
  }
}
