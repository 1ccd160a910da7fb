import Foundation
import Readings
import Simulation

/// A broker that runs, and the files of a gateway that the caller starts, in a directory of their own.
struct QuietCity {
  let directory: TemporaryDirectory
  let broker: PrivateBroker
  let gateway: DemoGateway

  init(prefix: String, sizeMax: String = "20GB", clock: String = "gateway") throws {
    directory = try TemporaryDirectory(prefix: prefix)
    try Bench.write(RushHour.files, in: directory.path)
    broker = try PrivateBroker(directory: directory.path)
    var settings = DemoGateway.Settings(
      brokerPort: broker.port, sinkURL: nil, devices: URL(fileURLWithPath: "\(directory.path)/Devices"),
      rules: URL(fileURLWithPath: "\(directory.path)/Rules"))
    (settings.sizeMax, settings.clock) = (sizeMax, clock)
    gateway = try DemoGateway(executable: Bench.executable, directory: directory.path, settings: settings)
  }

  /// One message of a device, acknowledged by the broker.
  func publish(_ payload: String, _ device: Int = 0) throws {
    let publisher = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: broker.port))
    let topic = "thuong/v1/bac-giang/traffic/\(RushHour.id(device))/telemetry"
    let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    _ = try publisher.publish(at: now, topic: topic, payload: Array(payload.utf8))
    try publisher.flush(within: .seconds(10))
  }
}
