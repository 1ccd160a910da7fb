import Database
package import DeviceRegistry
package import Foundation
import Glibc
import MQTTIntake
import Outbox
import Readings
import SeriesStore

/// Reads `thuong.yaml`. Every key may come from the environment instead (`THUONG_BROKER_CLIENT_ID`), which wins; `sinks` as YAML or JSON
/// (`THUONG_SINKS`). Paths in the file are relative to the file's folder.
package enum ConfigurationFile {
  /// - Parameter secrets: which are read: a command that needs none is not stopped by one that cannot be read.
  /// - Throws: every fault at once.
  package static func load(
    _ file: URL?, environment: [String: String] = ProcessInfo.processInfo.environment, secrets: SecretsWanted = .all
  ) throws(FileFaults) -> GatewayConfiguration {
    let faults = FaultList()
    var reader = ConfigurationReader(
      faults: faults, environment: environment, secrets: secrets, base: file?.deletingLastPathComponent() ?? URL(fileURLWithPath: "."))
    if let file {
      if let root = TextFiles.yaml(file, faults: faults) { reader.read(root) }
    } else {
      reader.read(nil)
    }
    try faults.throwIfAny()
    return reader.configuration
  }
}

/// Which secrets a configuration is read with: those of the broker, of the API and of sinks. What is not read is empty or nil there.
package enum SecretsWanted: Sendable, Equatable {
  case all, none
  /// What sending to this sink takes.
  case sink(String)
}

private struct ConfigurationReader {
  let faults: FaultList
  let environment: [String: String]
  let secrets: SecretsWanted
  let base: URL
  var configuration: GatewayConfiguration
  /// The names that the environment may set.
  private var known: Set<String> = ["THUONG_BROKER_PASSWORD", "THUONG_LOG_LEVEL"]

  init(faults: FaultList, environment: [String: String], secrets: SecretsWanted, base: URL) {
    (self.faults, self.environment, self.secrets, self.base) = (faults, environment, secrets, base)
    configuration = .defaults(base: base)
  }

  private typealias Section = [String: YAMLValue]

  mutating func read(_ root: YAMLValue?) {
    let top = root?.mapping(keys: ["instance", "broker", "data", "devices", "rules", "http", "sinks", "limits", "time_zone"]) ?? [:]
    if let instance = value("instance", in: top)?.identifier() { configuration.instance = instance }
    if let devices = value("devices", in: top)?.text() { configuration.devices = path(devices) }
    if let rules = value("rules", in: top)?.text() { configuration.rules = path(rules) }
    if let zone = value("time_zone", in: top), zone.string != VietnamTime.name {
      zone.fault("the only time zone here is \(VietnamTime.name)")
    }
    readBroker(
      top["broker"]?.mapping(keys: ["url", "client_id", "username", "password", "password_file", "ca_file", "clock", "keep_alive"]) ?? [:])
    readData(top["data"]?.mapping(keys: ["directory", "durability", "max_size", "log_max", "retention"]) ?? [:])
    readHTTP(top["http"]?.mapping(keys: ["listen", "token_file", "tls"]) ?? [:])
    let limits = top["limits"]?.mapping(keys: ["message_size", "unknown_devices"]) ?? [:]
    if let size = value("message_size", section: "limits", in: limits).flatMap(size) {
      configuration.messageSizeMax = Int(min(size, 1 << 20))
    }
    if let most = value("unknown_devices", section: "limits", in: limits)?.integer(in: 0...1_000_000) {
      configuration.unknownDevicesMax = most
    }
    for sink in sinks(top["sinks"])?.list() ?? [] { readSink(sink) }
    for name in environment.keys.sorted() where name.hasPrefix("THUONG_") && !known.contains(name) {
      faults.add(FileFault(file: "environment", message: "\(name) is no setting; known: \(known.sorted().joined(separator: ", "))"))
    }
  }

  // MARK: Sections

  private mutating func readBroker(_ map: Section) {
    let url = value("url", section: "broker", in: map)
    let clientID = value("client_id", section: "broker", in: map)?.text() ?? "thuong-\(configuration.instance)"
    guard var broker = MQTTEndpoint(url: url?.text() ?? "mqtt://127.0.0.1:1883", clientID: clientID) else {
      url?.fault("expected mqtt://host:port or mqtts://host:port, without user, password or path")
      return
    }
    broker.username = value("username", section: "broker", in: map)?.text()
    if map["password"] != nil {
      map["password"]?.fault("a password does not stand in this file: use password_file, or THUONG_BROKER_PASSWORD")
    }
    let passwordFile = value("password_file", section: "broker", in: map)
    broker.password = environment["THUONG_BROKER_PASSWORD"] ?? passwordFile.flatMap(secret)
    broker.caFile = value("ca_file", section: "broker", in: map)?.text().map { path($0).path }
    if let keepAlive = value("keep_alive", section: "broker", in: map), let duration = keepAlive.duration() {
      if duration % 1000 != 0 || !(1...600).contains(duration / 1000) {
        keepAlive.fault("keep_alive is whole seconds, from 1s to 10m, got \(keepAlive.shown)")
      }
      broker.keepAliveSeconds = Int32(clamping: duration / 1000)
    }
    if let clock = value("clock", section: "broker", in: map) {
      configuration.brokerClock = clock.word(["gateway": .gateway, "sender": GatewayConfiguration.BrokerClock.sender]) ?? .gateway
      if configuration.brokerClock == .sender && !broker.isLoopback {
        clock.fault("a sender may tell the time only through a broker on this machine")
      }
    }
    configuration.broker = broker
  }

  private mutating func readData(_ map: Section) {
    if let directory = value("directory", section: "data", in: map)?.text() { configuration.dataDirectory = path(directory).path }
    if let durability = value("durability", section: "data", in: map)?.word(["full": .full, "normal": Durability.normal]) {
      configuration.durability = durability
    }
    if let most = value("max_size", section: "data", in: map) {
      if let bytes = size(most) { configuration.sizeMax = bytes }
      if configuration.sizeMax < 16 << 20 { most.fault("max_size is at least 16MB") }
    }
    if let most = value("log_max", section: "data", in: map) {
      if let bytes = size(most) { configuration.logBytesMax = bytes }
      if configuration.logBytesMax < 1 << 20 { most.fault("log_max is at least 1MB") }
    }
    readRetention(map["retention"])
  }

  private mutating func readRetention(_ retention: YAMLValue?) {
    let keys = ["raw", "15m", "1h", "1d", "alerts", "audit", "delivered"]
    let map = retention?.mapping(keys: Set(keys)) ?? [:]
    var longer: YAMLValue?
    for key in keys {
      guard let span = value(key, section: "data_retention", in: map), let duration = span.duration() else { continue }
      if key != "alerts", key != "audit", key != "delivered" { longer = span }
      if key == "raw" { configuration.rawRetention = duration }
      if let resolution = Resolution.allCases.first(where: { $0.name == key }) { configuration.rollupRetention[resolution] = duration }
      if key == "alerts" { configuration.recordRetention.alerts = duration }
      if key == "delivered" { configuration.recordRetention.delivered = duration }
    }
    let kept = [configuration.rawRetention] + Resolution.allCases.map { configuration.rollupRetention[$0] ?? 0 }
    if zip(kept, kept.dropFirst()).contains(where: { $0 > $1 }) {
      (retention ?? longer)?.fault(
        "raw, 15m, 1h and 1d are each kept at least as long as the one before: coarse steps are made of finer ones")
    }
  }

  private mutating func readHTTP(_ map: Section) {
    if let listen = value("listen", section: "http", in: map) { readListen(listen) }
    if let file = value("token_file", section: "http", in: map) { configuration.http.token = secret(file) }
    map["tls"]?.fault("tls is not yet supported; put a reverse proxy in front of the loopback address")
  }

  private mutating func readListen(_ listen: YAMLValue) {
    guard let text = listen.text(), let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
      (0...65_535).contains(port)
    else { return listen.fault("expected host:port, such as 127.0.0.1:8080") }
    let host = String(text[..<colon])
    guard host.hasPrefix("127.") || host == "localhost" || host == "[::1]" else {
      return listen.fault("\(host) is not a loopback address: without TLS the gateway listens on loopback alone")
    }
    (configuration.http.host, configuration.http.port) = (host == "[::1]" ? "::1" : host, port)
  }

  /// The environment's, as YAML, where there is one; else the file's.
  private mutating func sinks(_ value: YAMLValue?) -> YAMLValue? {
    let name = "THUONG_SINKS"
    known.insert(name)
    return environment[name].map { YAMLValue(text: $0, file: name, faults: faults) } ?? value
  }

  private mutating func readSink(_ sink: YAMLValue) {
    guard let new = SinkSection(base: base, secrets: secrets).read(sink) else { return }
    if configuration.sinks.contains(where: { $0.id == new.id }) { sink.fault("sink \(new.id) is defined twice") }
    configuration.sinks.append(new)
  }

  // MARK: Values

  /// The environment's value where there is one, else the file's.
  private mutating func value(_ key: String, section: String? = nil, in map: Section) -> YAMLValue? {
    let name = "THUONG_" + (section.map { "\($0)_" } ?? "").uppercased() + key.uppercased()
    known.insert(name)
    return environment[name].map { YAMLValue(scalar: $0, file: name, faults: faults) } ?? map[key]
  }

  private func path(_ text: String) -> URL { URL(fileURLWithPath: text, relativeTo: base) }

  private func size(_ value: YAMLValue) -> Int64? {
    let units: [(String, Int64)] = [("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40), ("B", 1)]
    let text = value.string ?? ""
    guard let unit = units.first(where: { text.hasSuffix($0.0) }), let number = Double(text.dropLast(unit.0.count)), number > 0,
      number * Double(unit.1) < 1e15
    else {
      value.fault("expected a size such as 256KB or 20GB, got \(value.shown)")
      return nil
    }
    return Int64(number * Double(unit.1))
  }

  /// The first line of a file that only its owner and group may read; nil where no such secret is wanted.
  private func secret(_ value: YAMLValue) -> String? {
    guard let text = value.text(), secrets == .all else { return nil }
    let file = path(text)
    var info = stat()
    guard stat(file.path, &info) == 0 else {
      value.fault("\(text): no such file")
      return nil
    }
    guard info.st_mode & 0o007 == 0 else {
      value.fault("\(text): everybody may read this secret; chmod 600 it")
      return nil
    }
    guard let line = TextFiles.text(file, faults: faults)?.split(whereSeparator: \.isNewline).first, !line.isEmpty else {
      value.fault("\(text): the secret is empty")
      return nil
    }
    return String(line)
  }
}
