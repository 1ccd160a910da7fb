import DeviceRegistry
import Foundation
package import Gateway
package import Outbox
import Readings

/// Runs traces through the gateway's own engine and store, on the traces' clock. One thread's own.
package final class TraceReplay {
  package struct Figures: Sendable, Equatable {
    package var lines = 0
    package var events = 0
    package var commits = 0
    /// Commands of the trace that were refused, as of alerts that were not raised with these rules.
    package var refused = 0
    /// The first of them: where it stands, and why.
    package var firstRefused: String?
  }

  /// Another one after each reload that the trace carries with its files.
  package private(set) var engine: Engine
  /// So far; after `run` threw, of what came before the fault.
  package private(set) var figures = Figures()
  private let store: GatewayStore
  /// What decides, with the files of a reload, how the engine behaves.
  private let configuration: GatewayConfiguration
  /// Inputs a commit.
  private let batch: Int
  private var inBatch = 0

  /// - Parameter engine: of that store, with settings as `GatewayFiles` makes them of that configuration.
  package init(engine: Engine, store: GatewayStore, configuration: GatewayConfiguration, batch: Int) {
    (self.engine, self.store, self.configuration, self.batch) = (engine, store, configuration, batch)
  }

  /// - Parameters:
  ///   - event: gets every event, in order, after its commit.
  ///   - progress: gets the fraction read, now and then.
  /// - Throws: `FileFault` for a bad line, or where devices or rules that the trace carries do not load: what came before it is committed.
  ///   `StoreError`, and what `event` throws.
  package func run(_ reader: TraceReader, event: (EventRecord) throws -> Void, progress: (Double) -> Void = { _ in }) throws {
    do {
      while let line = try reader.next() { try take(line, reader, event, progress) }
    } catch let fault as FileFault {
      try commit(event)
      throw fault
    }
    try commit(event)
  }

  private func take(
    _ line: TraceLine, _ reader: TraceReader, _ event: (EventRecord) throws -> Void, _ progress: (Double) -> Void
  ) throws {
    figures.lines += 1
    if line.kind == .command, let reload = RecordedReload(json: Array(line.payload)) {
      try commit(event)
      return try load(reload, at: line.at, reader.place, event)
    }
    try step(line, reader)
    inBatch += 1
    guard inBatch == batch else { return }
    try commit(event)
    if figures.commits & 15 == 0, reader.progress.total > 0 { progress(Double(reader.progress.read) / Double(reader.progress.total)) }
  }

  /// Goes on with the devices and rules of the trace, as the gateway did that was recorded.
  private func load(
    _ reload: RecordedReload, at: Timestamp, _ place: (file: String, line: Int), _ event: (EventRecord) throws -> Void
  ) throws {
    // Before its first input the gateway had no clock to tell it by either.
    if engine.clock != nil { _ = engine.command(reload.command, at: at) }
    try commit(event)
    let directory = try TemporaryDirectory(prefix: "thuong-reload")
    var configuration = configuration
    configuration.devices = directory.url.appendingPathComponent("Devices")
    configuration.rules = directory.url.appendingPathComponent("Rules")
    try reload.write(devices: configuration.devices, rules: configuration.rules)
    let files: GatewayFiles
    do throws(FileFaults) { files = try GatewayFiles.load(configuration) } catch {
      // Their folders are gone when somebody reads this.
      let names = "\(error)".replacingOccurrences(of: directory.path + "/", with: "")
      throw FileFault(file: place.file, line: place.line, column: 1, message: "what was loaded anew there cannot be: \(names)")
    }
    engine = try store.remakeEngine(engine, registry: files.registry, book: files.book, settings: files.settings(configuration))
  }

  private func commit(_ event: (EventRecord) throws -> Void) throws {
    inBatch = 0
    let events = try store.commit(engine, realNow: LiveClock.wall)
    try store.tend(engine, realNow: LiveClock.wall)
    figures.commits += 1
    figures.events += events.count
    for record in events { try event(record) }
  }

  private func step(_ line: TraceLine, _ reader: TraceReader) throws(FileFault) {
    switch line.kind {
    case .message: engine.message(MessageInput(topic: line.topic, payload: line.payload, retain: line.retain), at: line.at)
    case .clock: engine.clock(at: line.at)
    case .intakeUp: engine.intake(up: true, at: line.at)
    case .intakeDown: engine.intake(up: false, at: line.at)
    case .command:
      switch engine.command(Array(line.payload), at: line.at) {
      case .done: break
      case .refused(let refusal):
        figures.refused += 1
        figures.firstRefused = figures.firstRefused ?? "\(reader.place.file):\(reader.place.line): \(refusal)"
      case .unknown:
        let command = String(decoding: line.payload.prefix(80), as: UTF8.self)
        let place = reader.place
        throw FileFault(file: place.file, line: place.line, column: 1, message: "the command \(command) is not yet supported")
      }
    }
  }
}
