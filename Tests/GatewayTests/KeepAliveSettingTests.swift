import DeviceRegistry
import Foundation
import Gateway
import MQTTIntake
import TestSupport
import Testing

@Suite struct KeepAliveSettingTests {
  private let directory: TemporaryDirectory
  init() throws { directory = try TemporaryDirectory() }

  private func load(_ broker: String, environment: [String: String] = [:]) throws -> GatewayConfiguration {
    let file = URL(fileURLWithPath: "\(directory.path)/thuong.yaml")
    try "instance: x\nbroker: {\(broker)}\n".write(to: file, atomically: true, encoding: .utf8)
    return try ConfigurationFile.load(file, environment: environment)
  }

  @Test func `The keep-alive is thirty seconds, what the file says, or what the environment says`() throws {
    #expect(try load("clock: gateway").broker.keepAliveSeconds == 30)
    #expect(try load("keep_alive: 1s").broker.keepAliveSeconds == 1)
    #expect(try load("keep_alive: 10m").broker.keepAliveSeconds == 600)
    #expect(try load("keep_alive: 10m", environment: ["THUONG_BROKER_KEEP_ALIVE": "2s"]).broker.keepAliveSeconds == 2)
  }

  @Test(arguments: ["0s", "999ms", "1500ms", "11m", "30", "never", "400d"])
  func `Another length of time is refused where it stands`(_ text: String) throws {
    let error = #expect(throws: FileFaults.self) { try load("keep_alive: \(text)") }
    #expect(error?.description.contains("thuong.yaml:2:22") == true, "\(error?.description ?? "no error")")
  }
}
