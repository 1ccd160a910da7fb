/// Hands marks to the one writer while the next request is already under way: one commit at a time, with all that came up meanwhile.
actor MarkQueue {
  private let commit: @Sendable ([DeliveryMark]) async throws -> Void
  private let committed: @Sendable ([DeliveryMark]) -> Void
  private var pending: [DeliveryMark] = []
  private var committing: Task<Void, Never>?
  private var failure: (any Error)?

  /// `committed` is told of what `commit` has committed.
  init(
    commit: @escaping @Sendable ([DeliveryMark]) async throws -> Void, committed: @escaping @Sendable ([DeliveryMark]) -> Void
  ) {
    (self.commit, self.committed) = (commit, committed)
  }

  /// Waits when the writer is behind: at most 256 events, and what is in flight, are sent before their marks are safe.
  func add(_ mark: DeliveryMark) async throws {
    pending.append(mark)
    if committing == nil { committing = Task { await drain() } }
    if pending.count >= 256 { try await flush() }
    if let failure { throw failure }
  }

  /// Returns when all marks are committed.
  func flush() async throws {
    while let committing { await committing.value }
    if let failure { throw failure }
  }

  private func drain() async {
    while !pending.isEmpty, failure == nil {
      let batch = pending
      pending = []
      do {
        try await commit(batch)
        committed(batch)
      } catch { failure = error }
    }
    committing = nil
  }
}
