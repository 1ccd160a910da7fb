import Database
import DeviceRegistry
import Foundation
import Logging
import MQTTIntake
package import Outbox
package import Readings
import SeriesStore

/// The owner of every change, as the rest of the process sees it: an actor whose executor is the writer thread.
package actor Writer {
  nonisolated private let thread = WriterThread()
  package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  let core: WriterCore
  private var ended: [CheckedContinuation<Void, any Error>] = []

  init(_ core: sending WriterCore) { self.core = core }

  /// Starts the thread. It serves until `end()`, or until the store fails.
  nonisolated func start() {
    thread.start { seen in self.assumeIsolated { $0.turn(seen) } }
  }

  private func turn(_ seen: Int16) -> WriterCore.Wait? {
    let wait = core.turn(seen)
    if wait == nil { resumeEnded() }
    return wait
  }

  /// Name look-up and connecting block for minutes: a thread of their own does them, and hands the connection over.
  private func dialInBackground() {
    let endpoint = core.configuration.broker
    let readsSenderTime = core.configuration.brokerClock == .sender
    Thread.detachNewThread {
      let result: Result<MQTTConnection, MQTTFault>
      do throws(MQTTFault) {
        result = .success(try MQTTConnection.dial(endpoint, readsSenderTime: readsSenderTime, now: SystemClock().monotonic))
      } catch {
        result = .failure(error)
      }
      Task { await self.dialled(result) }
    }
  }

  private func dialled(_ result: Result<MQTTConnection, MQTTFault>) { core.dialled(result) }

  // MARK: Intake

  package func startIntake() {
    core.dial = { [weak self] in
      guard let self else { return }
      self.assumeIsolated { $0.dialInBackground() }
    }
    core.startIntake()
  }

  /// Commits and acknowledges what was received, then leaves the broker, which keeps the rest.
  package func stopIntake() { core.stopIntake() }

  // MARK: Marks

  /// Records what became of deliveries; returns after the commit.
  package func record(_ marks: [DeliveryMark]) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      core.add(marks) { result in continuation.resume(with: result.mapError { $0 as any Error }) }
    }
  }

  /// Sets a row aside that a reader could not read, if the writer cannot either; returns after the commit.
  ///
  /// - Returns: false where the writer can.
  func setAside(_ row: DamagedRow) throws(StoreError) -> Bool { try core.setAside(row) }

  // MARK: Commands

  /// Carries out a command, as traces have it (see `AlertCommand`); returns after the commit that holds it.
  package func submit(_ json: [UInt8]) async throws -> CommandOutcome {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<CommandOutcome, any Error>) in
      core.submit(json) { result in continuation.resume(with: result.mapError { $0 as any Error }) }
    }
  }

  // MARK: End

  /// Returns when the last batch is committed and the thread has ended. Throws the store's error where that ended it.
  package func waitForEnd() async throws {
    if core.hasEnded {
      if let failure = core.failure { throw failure }
      return
    }
    try await withCheckedThrowingContinuation { ended.append($0) }
  }

  package func end() { core.end() }

  private func resumeEnded() {
    for continuation in ended {
      if let failure = core.failure { continuation.resume(throwing: failure) } else { continuation.resume() }
    }
    ended.removeAll()
  }

  // MARK: Snapshots

  package func status() -> GatewayStatus { core.status }

  /// What heads hold of a series in [from, to), the oldest `limit` of it. Nil where no such series is registered.
  func held(device: String, metric: String, from: Timestamp, to: Timestamp, limit: Int) -> HeldReadings? {
    core.engine.held(device: device, metric: metric, from: from, to: to, limit: limit)
  }

  /// The newest reading of each of a device's metrics, by the profile's order.
  package func latest(device: String) -> [Reading?]? { core.engine.latest(device: device) }
}

/// What heads hold of a series in a span of time.
struct HeldReadings: Sendable {
  var series: SeriesID
  var ring: Ring
  /// From here on there is nothing of it in chunks that is not among them.
  var coveredFrom: Int64
  var chunk = SeriesChunk()
}

extension Engine {
  func held(device: String, metric: String, from: Timestamp, to: Timestamp, limit: Int) -> HeldReadings? {
    guard let series = series(device, metric) else { return nil }
    var held = HeldReadings(series: series, ring: rings[of: series], coveredFrom: heads.coveredFrom(series))
    heads.copy(series, from: from.milliseconds, to: to.milliseconds, atMost: limit, into: &held.chunk)
    return held
  }

  func latest(device: String) -> [Reading?]? {
    guard let index = registry.deviceIndex(device) else { return nil }
    if let clock { cover(index, at: clock) }
    return seriesOf[index].map { series in
      let view = heads.view(series.int)
      guard view.count > 0 else { return nil }
      let last = view.count - 1
      return Reading(
        series: series, ts: Timestamp(milliseconds: view.time(last)), value: view.value(last),
        quality: view.quality(last))
    }
  }
}
