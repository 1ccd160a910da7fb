import Database
import DeviceRegistry
import Foundation
import Gateway
import Outbox
import Readings
import Simulation
import Testing

/// What the shipped rules tell of the shipped city's first two hours is a checked-in file; `make golden` renews it.
@Suite struct GoldenTests {
  private static let golden = ShippedCity.root.appendingPathComponent("Tests/Fixtures/golden/two-towns.ndjson")

  @Test(arguments: [1, 4096]) func `the two towns' first two hours tell what the golden file has, at any batching`(_ batch: Int) throws {
    let registry = try ShippedCity.registry()
    let folder = try ScratchFolder()
    let trace = try TraceWriter(file: folder.file("trace.ndjson"))
    var city = CityModel(scenario: try ShippedCity.twoTowns(registry), registry: registry, seed: 5, start: nil, length: 2 * 3_600_000)
    while let message = city.next() {
      try trace.append(.message(at: message.at, topic: message.topic, payload: message.payload, retain: false))
    }
    try trace.close()
    var configuration = GatewayConfiguration.defaults(base: ShippedCity.root)
    configuration.instance = "golden"
    let files = try GatewayFiles.load(configuration)
    let store = try GatewayStore(directory: folder.file("store").path, durability: .normal, sinks: [])
    let engine = try store.openEngine(registry: files.registry, book: files.book, settings: files.settings(configuration))
    var found: [EventComparison.Line] = []
    let replay = TraceReplay(engine: engine, store: store, configuration: configuration, batch: batch)
    try replay.run(try TraceReader(files: [folder.file("trace.ndjson")])) { record in
      found.append(try #require(EventComparison.Line(record.body)))
    }
    let expected = try GoldenFile.load(Self.golden)
    #expect(expected.count > 10)
    let differences = EventComparison.differences(expected: expected, found: found, exact: false)
    #expect(differences.isEmpty, "\(differences.prefix(20).map(\.text).joined(separator: "\n"))")
  }
}
