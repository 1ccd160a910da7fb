package import Database
package import DeviceRegistry
import Logging
import Readings
package import RuleEngine

/// Another reload is under way.
package struct ReloadBusy: Error {}

extension GatewayService {
  /// Reads devices and rules anew, and goes on with them.
  ///
  /// A file that fails to load changes nothing: the old ones stay, and `/readyz` names the fault until the next good load. The engine is
  /// made anew from the store between two batches, as at a start; connection, session and clock stay.
  ///
  /// - Throws: `FileFaults`, `ReloadBusy`, or `StoreError`.
  @discardableResult
  package func reload() async throws -> GatewayFiles {
    guard beginReload() else { throw ReloadBusy() }
    defer { endReload() }
    let (files, reload): (GatewayFiles, RecordedReload)
    do throws(FileFaults) { (files, reload) = try GatewayFiles.loadForReload(configuration) } catch {
      for fault in error.faults.prefix(20) {
        logger.error("Devices and rules stay as they were: a file does not load", metadata: ["fault": "\(fault)"])
      }
      await writer.noteReload(failed: error)
      throw error
    }
    for (message, warning) in files.warnings { logger.warning("\(message)", metadata: ["warning": "\(warning)"]) }
    try await writer.use(files, settings(for: files), reload)
    adopt(files)
    logger.notice(
      "Devices and rules are loaded anew",
      metadata: ["devices": "\(files.registry.devices.count)", "rules": "\(files.book.rules.count)", "version": "\(files.version)"])
    return files
  }

  /// What is wrong with a file of rules, for the present devices and beside the present rules, limits and holidays: nothing changes.
  /// `name` is what faults call it.
  package func check(rules text: String, name: String) -> (rules: Int, faults: [FileFault], warnings: [FileFault]) {
    do throws(FileFaults) {
      let book = try RuleFiles.read(text, file: name, beside: book, registry: registry)
      return (book.rules.count, [], book.warnings)
    } catch {
      return (0, error.faults, [])
    }
  }
}

extension Writer {
  func use(_ files: GatewayFiles, _ settings: EngineSettings, _ reload: RecordedReload) throws(StoreError) {
    try core.use(files, settings, reload)
  }

  func noteReload(failed faults: FileFaults) { core.reloadFaults = faults.faults }
}

extension WriterCore {
  /// Goes on with other devices and rules: the engine is made anew from the store, as a start makes it.
  ///
  /// - Parameter reload: what a trace gets of it, where somebody records.
  func use(_ files: GatewayFiles, _ settings: EngineSettings, _ reload: RecordedReload) throws(StoreError) {
    try commitNow()
    // A trace gets the command with its files, once the engine is another.
    tell(.rulesReloaded(version: files.version), isRecorded: false)
    try commitNow()
    do throws(StoreError) {
      engine = try store.remakeEngine(engine, registry: files.registry, book: files.book, settings: settings)
    } catch {
      // What the store knows of itself is no longer what the engine has.
      fail(error)
      throw error
    }
    engine.recording?.command(reload.json, at: engine.clock)
    reloadFaults = []
  }

  /// Commits what is in hand, or says why that cannot be. A commit may pause the intake, which is an input of the next one.
  func commitNow() throws(StoreError) {
    repeat {
      commit()
      if let failure { throw failure }
      if hasEnded { throw .unusable("the gateway has ended") }
      if isDiskFull { throw .full }
    } while !engine.isBatchEmpty
  }
}

extension GatewayStore {
  /// An engine with other devices and rules in place of one whose batch is committed: made anew from what is stored, as a start makes it.
  ///
  /// - Throws: `StoreError`; then neither engine can go on.
  package func remakeEngine(
    _ old: Engine, registry: Registry, book: RuleBook, settings: EngineSettings
  ) throws(StoreError) -> Engine {
    precondition(old.isBatchEmpty, "what is not committed would be lost")
    fastDevices = [:]
    expiries = [:]
    let new = try openEngine(registry: registry, book: book, settings: settings)
    new.recording = old.recording
    return new
  }
}
