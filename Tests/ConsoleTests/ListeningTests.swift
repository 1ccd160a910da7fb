import Console
import Gateway
import Logging
import ServiceLifecycle
import Testing

@Suite struct ListeningTests {
  @Test func `a port that is taken ends the start with one line that names it`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      let town = try TestTown(broker: PrivateBroker.freePort())
      var configuration = try ConfigurationFile.load(town.configuration, environment: [:])
      configuration.http.port = console.port
      var logger = Logger(label: "test")
      logger.logLevel = .critical
      let server = ConsoleServer(gateway: try GatewayService.open(configuration, logger: logger), logger: logger)
      let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
      await #expect { try await group.run() } throws: {
        ($0 as? ConsoleFault)?.description
          == "http.listen 127.0.0.1:\(console.port): cannot listen there (Address already in use); is another gateway running?"
      }
      await #expect(throws: CancellationError.self) { try await server.boundPort() }
    }
  }
}
