import Testing

/// A fault at every write, sync, truncation and removal of a run of the real binary, one run each; a sample of them in the short form.
@Suite(.serialized) struct ReplaySweepTests {
  /// Runs the points and says which failed.
  private func sweep(_ effect: SystemCallFault.Effect, sample: Int, sticky: [Bool]) async throws {
    let sweep = try await ReplaySweep()
    let all = sticky.flatMap { SystemCallFault.everywhere(effect, sweep.counts, isSticky: $0) }
    let points = all.sampled(sample)
    for fault in points {
      let problem = try await sweep.problem(after: fault)
      #expect(problem == nil, "\(fault) (seed \(Soak.seed))")
    }
    print("\(effect): \(points.count) of \(all.count) points, seed \(Soak.seed)")
  }

  @Test func `F1 A kill at every write and sync leaves whole commits, and the next run completes them`() async throws {
    try await sweep(.kill, sample: 14, sticky: [false])
  }

  @Test func `F11 EIO at every write and sync ends with 3 or is of no consequence, and nothing committed is lost`() async throws {
    try await sweep(.ioError, sample: 14, sticky: [false, true])
  }

  @Test func `F10 ENOSPC at every write and sync ends with 3 or is of no consequence, and nothing committed is lost`() async throws {
    try await sweep(.noSpace, sample: 14, sticky: [false, true])
  }

  @Test func `F11 A file system that turns read-only at any write ends with 3, and nothing committed is lost`() async throws {
    try await sweep(.readOnly, sample: 6, sticky: [true])
  }

  @Test func `F24 Two faults in two starts, the second while it recovers from the first, lose nothing`() async throws {
    let sweep = try await ReplaySweep()
    // The first comes late, so that there is a log to recover; the second within the few calls of recovery and the first commits.
    let firsts = SystemCallFault.everywhere(.kill, sweep.counts).filter { $0.call == "pwrite64" && $0.number > 60 }
    let seconds =
      SystemCallFault.everywhere(.kill, ["pwrite64": 24, "fdatasync": 3, "ftruncate": 1, "unlink": 1])
      + SystemCallFault.everywhere(.noSpace, ["pwrite64": 24, "fdatasync": 3, "ftruncate": 1], isSticky: true)
    let pairs = firsts.flatMap { first in seconds.map { [first, $0] } }
    let points = pairs.sampled(Soak.isOn ? 1000 : 12, ofMany: true)
    for pair in points {
      let problem = try await sweep.problem(after: pair)
      #expect(problem == nil, "\(pair) (seed \(Soak.seed))")
    }
    print("pairs: \(points.count), seed \(Soak.seed)")
  }
}
