import Database
package import DeviceRegistry
import Logging
import Readings
import RuleEngine

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
    let files: GatewayFiles
    do throws(FileFaults) { files = try GatewayFiles.load(configuration) } catch {
      for fault in error.faults.prefix(20) {
        logger.error("Devices and rules stay as they were: a file does not load", metadata: ["fault": "\(fault)"])
      }
      await writer.noteReload(failed: error)
      throw error
    }
    for (message, warning) in files.warnings { logger.warning("\(message)", metadata: ["warning": "\(warning)"]) }
    try await writer.use(files, settings(for: files))
    adopt(files)
    logger.notice(
      "Devices and rules are loaded anew",
      metadata: ["devices": "\(files.registry.devices.count)", "rules": "\(files.book.rules.count)", "version": "\(files.version)"])
    return files
  }

  /// What is wrong with a file of rules, for the present devices: nothing changes. `name` is what faults call it.
  package func check(rules text: String, name: String) -> (rules: Int, faults: [FileFault], warnings: [FileFault]) {
    do throws(FileFaults) {
      let book = try RuleFiles.read(sources: [(name, text)], registry: registry)
      return (book.rules.count, [], book.warnings)
    } catch {
      return (0, error.faults, [])
    }
  }
}

extension Writer {
  func use(_ files: GatewayFiles, _ settings: EngineSettings) throws(StoreError) { try core.use(files, settings) }

  func noteReload(failed faults: FileFaults) { core.reloadFaults = faults.faults }
}

extension WriterCore {
  /// Goes on with other devices and rules: the engine is made anew from the store, as a start makes it.
  func use(_ files: GatewayFiles, _ settings: EngineSettings) throws(StoreError) {
    try commitNow()
    tell(.rulesReloaded(version: files.version))
    try commitNow()
    let recording = engine.recording
    do throws(StoreError) {
      store.forgetEngine()
      engine = try store.openEngine(registry: files.registry, book: files.book, settings: settings)
    } catch {
      // What the store knows of itself is no longer what the engine has.
      fail(error)
      throw error
    }
    engine.recording = recording
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
  /// What it remembers of an engine that is to be replaced.
  func forgetEngine() {
    fastDevices = [:]
    expiries = [:]
  }
}
