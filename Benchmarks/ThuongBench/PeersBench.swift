import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Simulation

/// The benchmark day in VictoriaMetrics and InfluxDB, as Debian has them, and here: each reads the same readings, then answers the same
/// question over HTTP.
struct PeersBench {
  static let series = 200
  static let rounds = 20
  var hours: Double
  var scale: Double

  struct Figures {
    var name: String
    var cpuSeconds = 0.0
    /// Of them, those until everything was taken: what is merged afterwards is not in them. Nil of ours.
    var importSeconds: Double?
    var bytes = 0.0
    var peak = 0.0
    /// Milliseconds of an answer.
    var answers: [Double] = []
  }

  func run() async throws {
    say(Machine.heading("peers: \(Shown.decimals(hours, 0)) hours of the benchmark day"))
    guard BenchDay.isHere else { return say("  the benchmark day is not here") }
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    let lines = "\(directory.path)/day.lp"
    try BenchDay.writeLines(to: lines, hours: hours, scale: scale)
    let day = try Ours(directory: directory.path, hours: hours, scale: scale)
    let (ours, readings) = try await day.measure()
    tell(ours, readings, beside: nil)
    let ruled = try day.measureWithRules()
    say("  thuong with the day's \(ruled.rules) rules: \(Self.rate(readings, ruled.cpuSeconds)) M readings per CPU-second")
    for peer in [Peer.victoriaMetrics, .influxDB] {
      guard FileManager.default.isExecutableFile(atPath: peer.executable) else {
        say("  \(peer.name): not installed; packaging/install-dependencies.sh --peers")
        continue
      }
      let figures = try await peer.measure(lines, hours: hours, in: directory.path)
      tell(figures, readings, beside: ours)
      guard let alone = figures.importSeconds else { continue }
      say(
        "    its import alone: \(Self.rate(readings, alone)) M readings per CPU-second; ours with all rules: \(Shown.decimals(alone / ruled.cpuSeconds, 2)) × that rate"
      )
    }
  }

  private static func rate(_ readings: Double, _ seconds: Double) -> String { Shown.decimals(readings / seconds / 1e6, 2) }

  private func tell(_ figures: Figures, _ readings: Double, beside ours: Figures?) {
    let each = figures.bytes / readings
    let answer = Samples(figures.answers).median
    var line =
      "  \(figures.name): \(Self.rate(readings, figures.cpuSeconds)) M readings per CPU-second, \(Shown.decimals(each, 3)) bytes a reading on disk, \(Shown.decimals(figures.peak, 0)) MB at most, 5-minute means of \(Self.series) series in \(Shown.decimals(answer, 1)) ms"
    if let ours {
      let ratios = [
        ours.cpuSeconds > 0 ? figures.cpuSeconds / ours.cpuSeconds : .nan, ours.bytes / figures.bytes, ours.peak / figures.peak,
        Samples(ours.answers).median / answer,
      ]
      line +=
        "; ours: \(Shown.decimals(ratios[0], 2)) × the rate, "
        + ["bytes", "memory", "time"].enumerated()
        .map { "\(Shown.decimals(ratios[$0 + 1], 2)) × the \($1)" }.joined(separator: ", ")
    }
    say(line)
  }

  /// The time of an answer that has what it should, again and again.
  static func ask(_ url: String, token: String? = nil, has words: String) async throws -> [Double] {
    var times: [Double] = []
    for _ in 0...rounds {
      var request = HTTPClientRequest(url: url)
      if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
      let begun = Machine.nanoseconds
      let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
      let body = try await response.body.collect(upTo: 64 << 20)
      times.append(Double(Machine.nanoseconds - begun) / 1e6)
      let text = String(buffer: body)
      guard response.status == .ok, text.contains(words), text.utf8.count > 100_000 else {
        throw BenchFailure("\(url): \(response.status.code) \(text.prefix(300))")
      }
    }
    return Array(times.dropFirst())  // the first has the caches to fill
  }
}

/// Replay into a store, then a gateway on it.
private struct Ours {
  var directory: String
  var hours: Double
  var scale: Double
  private let replay: Replay
  private var trace: String { "\(directory)/day.ndjson" }

  init(directory: String, hours: Double, scale: Double) throws {
    (self.directory, self.hours, self.scale) = (directory, hours, scale)
    replay = try Replay(in: directory)
  }

  func measure() async throws -> (PeersBench.Figures, readings: Double) {
    try BenchDay.writeTrace(to: trace, hours: hours, scale: scale)
    let broker = try PrivateBroker(directory: directory)
    defer { broker.end() }
    let settings = DemoGateway.Settings(
      brokerPort: broker.port, sinkURL: nil, devices: URL(fileURLWithPath: replay.devices), rules: URL(fileURLWithPath: replay.rules))
    let gateway = try DemoGateway(executable: Machine.thuong, directory: directory, settings: settings)
    let outcome = try replay.run(trace, into: gateway.storeDirectory)
    try StoreBench.seal(gateway.storeDirectory, replay)
    var figures = PeersBench.Figures(name: "thuong (with JSON decoded)", cpuSeconds: outcome.cpuSeconds, peak: outcome.peak)
    figures.bytes = FolderSize.bytes(of: gateway.storeDirectory)
    let child = try gateway.start()
    defer { child.end() }
    guard await gateway.waitUntilReady(child) else { throw BenchFailure("the gateway does not get ready") }
    let range = "from=\(BenchDay.start)&to=\(BenchDay.start + Int64(hours * 3_600_000))"
    let url =
      "http://127.0.0.1:\(gateway.httpPort)/api/v1/series?metric=\(QueryBench.metric)&step=5m&fn=mean&limit=\(PeersBench.series)&\(range)"
    figures.answers = try await PeersBench.ask(url, token: DemoGateway.token, has: "\"points\"")
    return (figures, Double(outcome.readings))
  }

  /// The same trace, which `measure` left, with the benchmark day's rules. Nobody asks this store.
  func measureWithRules() throws -> (rules: Int, cpuSeconds: Double) {
    var replay = replay
    replay.rules = "\(directory)/CityRules"
    let rules = try OfflineBench.writeRules(into: replay.rules, devices: replay.devices).kept
    return (rules, try replay.run(trace, into: "\(directory)/ruled").cpuSeconds)
  }
}

/// A time-series database that takes InfluxDB's line protocol.
private struct Peer: Sendable {
  var name: String
  var executable: String
  var arguments: @Sendable (_ directory: String, _ port: Int) throws -> [String]
  var ready: String
  var write: String
  /// Before the folder's size is taken.
  var settle: [String]
  var query: @Sendable (_ from: Int64, _ to: Int64) -> String

  static let victoriaMetrics = Peer(
    name: "VictoriaMetrics", executable: "/usr/bin/victoria-metrics",
    arguments: { directory, port in
      ["-storageDataPath=\(directory)", "-httpListenAddr=127.0.0.1:\(port)", "-retentionPeriod=100y", "-loggerLevel=ERROR"]
    },
    ready: "/health", write: "/write", settle: ["/internal/force_flush", "/internal/force_merge"],
    query: { from, to in
      "/api/v1/query_range?query=avg_over_time(environment_\(QueryBench.metric)[5m])&start=\(from / 1000 + 300)&end=\(to / 1000)&step=300&nocache=1"
    })

  static let influxDB = Peer(
    name: "InfluxDB", executable: "/usr/bin/influxd",
    arguments: { directory, port in
      let file = "\(directory)/influxdb.conf"
      try """
      reporting-disabled = true
      bind-address = "127.0.0.1:\(try LoopbackPort.free())"
      [meta]
        dir = "\(directory)/meta"
      [data]
        dir = "\(directory)/data"
        wal-dir = "\(directory)/wal"
        query-log-enabled = false
        cache-snapshot-write-cold-duration = "1s"
        compact-full-write-cold-duration = "2s"
      [http]
        bind-address = "127.0.0.1:\(port)"
        log-enabled = false
      [monitor]
        store-enabled = false

      """.write(toFile: file, atomically: true, encoding: .utf8)
      return ["-config", file]
    },
    ready: "/ping", write: "/write?db=city", settle: [],
    query: { from, to in
      "/query?db=city&epoch=ms&q=SELECT%20mean(\(QueryBench.metric))%20FROM%20environment%20WHERE%20time%20%3E%3D%20\(from)ms%20AND%20time%20%3C%20\(to)ms%20GROUP%20BY%20time(5m),device"
    })

  func measure(_ lines: String, hours: Double, in parent: String) async throws -> PeersBench.Figures {
    let directory = "\(parent)/\(name)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let port = try LoopbackPort.free()
    let log = "\(parent)/\(name).log"
    try Data().write(to: URL(fileURLWithPath: log))
    let child = try ChildProcess(executable, try arguments(directory, port), output: FileHandle(forWritingAtPath: log))
    defer { child.end() }
    let base = "http://127.0.0.1:\(port)"
    try await wait(base)
    _ = try await post("\(base)/query?q=CREATE%20DATABASE%20city", ByteBuffer())
    let before = Machine.cpuSeconds(of: child.id)
    try await load(lines, to: base + write)
    let importSeconds = Machine.cpuSeconds(of: child.id) - before
    for route in settle { _ = try await post(base + route, ByteBuffer()) }
    try await settleDown(directory)
    var figures = PeersBench.Figures(name: name, cpuSeconds: Machine.cpuSeconds(of: child.id) - before)
    figures.importSeconds = importSeconds
    figures.bytes = FolderSize.bytes(of: directory)
    figures.peak = Machine.residentMegabytes(of: child.id).peak
    let to = BenchDay.start + Int64(hours * 3_600_000)
    figures.answers = try await PeersBench.ask(base + query(BenchDay.start, to), has: "env-0001")
    return figures
  }

  private func wait(_ base: String) async throws {
    for _ in 0..<200 {
      if let status = try? await HTTPClient.shared.execute(HTTPClientRequest(url: base + ready), timeout: .seconds(1)).status,
        (200..<300).contains(status.code)
      {
        return
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw BenchFailure("\(name) does not start")
  }

  /// In parts of some megabytes, each of whole lines.
  private func load(_ lines: String, to url: String) async throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: lines), options: .mappedIfSafe)
    var start = data.startIndex
    while start < data.endIndex {
      var end = min(data.endIndex, start + (4 << 20))
      if end < data.endIndex { end = (data[start..<end].lastIndex(of: 0x0a) ?? end) + 1 }
      let status = try await post(url, ByteBuffer(bytes: data[start..<end]))
      guard status == 204 || status == 200 else { throw BenchFailure("\(name) does not take lines: \(status)") }
      start = end
    }
  }

  private func post(_ url: String, _ body: ByteBuffer) async throws -> Int {
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.body = .bytes(body)
    return Int(try await HTTPClient.shared.execute(request, timeout: .seconds(60)).status.code)
  }

  /// Until the folder stays as it is.
  private func settleDown(_ directory: String) async throws {
    var (last, same) = (-1.0, 0)
    for _ in 0..<120 where same < 8 {
      try await Task.sleep(for: .milliseconds(500))
      let now = FolderSize.bytes(of: directory)
      same = now == last ? same + 1 : 0
      last = now
    }
  }
}

/// What a folder takes on disk.
enum FolderSize {
  static func bytes(of directory: String) -> Double {
    let files = FileManager.default.enumerator(atPath: directory)
    var sum = 0.0
    while let file = files?.nextObject() as? String {
      guard let found = try? FileManager.default.attributesOfItem(atPath: "\(directory)/\(file)") else { continue }
      if found[.type] as? FileAttributeType == .typeRegular { sum += (found[.size] as? NSNumber)?.doubleValue ?? 0 }
    }
    return sum
  }
}
