import Database
import DeviceRegistry
import Foundation
package import Gateway
package import Outbox
import Readings
import RuleEngine

/// Runs traces through the gateway's own engine and store, on the traces' clock. One thread's own.
package final class TraceReplay {
  package struct Figures: Sendable, Equatable {
    package var lines = 0
    package var events = 0
    package var commits = 0
    /// Commands of the trace that were refused, as of alerts that were not raised with these rules.
    package var refused = 0
  }

  /// Another one after each reload that the trace carries with its files.
  package private(set) var engine: Engine
  private let store: GatewayStore
  /// Inputs a commit.
  private let batch: Int

  package init(engine: Engine, store: GatewayStore, batch: Int) { (self.engine, self.store, self.batch) = (engine, store, batch) }

  /// - Parameters:
  ///   - event: gets every event, in order, after its commit.
  ///   - progress: gets the fraction read, now and then.
  /// - Throws: `FileFault` for a bad line, `FileFaults` where devices or rules that the trace carries do not load, `StoreError`, and what
  ///   `event` throws.
  package func run(_ reader: TraceReader, event: (EventRecord) throws -> Void, progress: (Double) -> Void = { _ in }) throws -> Figures {
    var figures = Figures()
    var inBatch = 0
    while let line = try reader.next() {
      figures.lines += 1
      if line.kind == .command, let reload = RecordedReload(json: Array(line.payload)) {
        let at = line.at
        try commit(&figures, event)
        try load(reload, at: at, &figures, event)
        inBatch = 0
        continue
      }
      try step(line, &figures)
      inBatch += 1
      guard inBatch == batch else { continue }
      inBatch = 0
      try commit(&figures, event)
      if figures.commits & 15 == 0, reader.progress.total > 0 { progress(Double(reader.progress.read) / Double(reader.progress.total)) }
    }
    try commit(&figures, event)
    return figures
  }

  /// Goes on with the devices and rules of the trace, as the gateway did that was recorded.
  private func load(_ reload: RecordedReload, at: Timestamp, _ figures: inout Figures, _ event: (EventRecord) throws -> Void) throws {
    _ = engine.command(reload.command, at: at)
    try commit(&figures, event)
    let directory = try TemporaryDirectory(prefix: "thuong-reload")
    let (devices, rules) = (directory.url.appendingPathComponent("Devices"), directory.url.appendingPathComponent("Rules"))
    try reload.write(devices: devices, rules: rules)
    do {
      let registry = try RegistryFiles.load(directory: devices)
      let book = try RuleFiles.load(directory: rules, registry: registry)
      engine = try store.remakeEngine(engine, registry: registry, book: book, settings: engine.settings)
    } catch let faults as FileFaults {
      // Their folders are gone when somebody reads this.
      let names = "\(faults)".replacingOccurrences(of: directory.path + "/", with: "")
      throw FileFault(file: "trace", message: "line \(figures.lines): what was loaded anew there cannot be: \(names)")
    }
  }

  private func commit(_ figures: inout Figures, _ event: (EventRecord) throws -> Void) throws {
    let events = try store.commit(engine, realNow: LiveClock.wall)
    try store.tend(engine, realNow: LiveClock.wall)
    figures.commits += 1
    figures.events += events.count
    for record in events { try event(record) }
  }

  private func step(_ line: TraceLine, _ figures: inout Figures) throws(FileFault) {
    switch line.kind {
    case .message: engine.message(MessageInput(topic: line.topic, payload: line.payload, retain: line.retain), at: line.at)
    case .clock: engine.clock(at: line.at)
    case .intakeUp: engine.intake(up: true, at: line.at)
    case .intakeDown: engine.intake(up: false, at: line.at)
    case .command:
      switch engine.command(Array(line.payload), at: line.at) {
      case .done: break
      case .refused: figures.refused += 1
      case .unknown:
        throw FileFault(
          file: "trace",
          message: "line \(figures.lines): the command \(String(decoding: line.payload.prefix(80), as: UTF8.self)) is not yet supported")
      }
    }
  }
}
