import Testing

/// A fault at every write and sync of a gateway with a real broker and a real IOC, one start each; a sample of them in the short form.
@Suite(.serialized) struct ServeSweepTests {
  private func sweep(_ effect: SystemCallFault.Effect, sample: Int, calls: [String], sticky: [Bool]) async throws {
    let sweep = try await ServeSweep()
    let counts = sweep.counts.filter { calls.contains($0.key) }
    let all = sticky.flatMap { SystemCallFault.everywhere(effect, counts, isSticky: $0) }
    let points = all.sampled(sample)
    for fault in points {
      let problem = try await sweep.problem(after: fault)
      #expect(problem == nil, "\(fault) (seed \(Soak.seed))")
    }
    print("serve, \(effect): \(points.count) of \(all.count) points, seed \(Soak.seed)")
  }

  /// `write` is what acknowledges: a kill at each lies between a commit and its PUBACK.
  @Test func `F1 A kill at every write, sync and acknowledgement under a broker loses nothing and tells everything once`() async throws {
    try await sweep(.kill, sample: 6, calls: SystemCallFault.storeCalls + ["write"], sticky: [false])
  }

  @Test
  func `F11 EIO at every write and sync under a broker acknowledges nothing that is not committed`() async throws {
    try await sweep(.ioError, sample: 5, calls: SystemCallFault.storeCalls, sticky: [false, true])
  }

  @Test func `F10 ENOSPC at every write and sync under a broker waits or ends, and acknowledges nothing that is not committed`()
    async throws
  {
    try await sweep(.noSpace, sample: 5, calls: SystemCallFault.storeCalls, sticky: [false, true])
  }
}
