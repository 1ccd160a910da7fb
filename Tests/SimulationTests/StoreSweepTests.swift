import Database
import Testing

/// The gateway's store with a fault at each of its calls, from the creation of its file on.
@Suite struct StoreSweepTests {
  private static let reference = Result { try StoreSweep.Reference() }

  @Test(arguments: StoreSweep.Fault.allCases)
  func `No fault of the disk costs a commit, wherever it strikes`(_ fault: StoreSweep.Fault) throws {
    let reference = try Self.reference.get()
    let calls = reference.calls(of: fault)
    #expect(calls > (fault == .openError ? 3 : 50))
    var (struck, noticed, full, failed) = (0, 0, 0, 0)
    for n in 1...calls {
      let sweep = try StoreSweep(reference, fault, at: n)
      do {
        try sweep.run()
      } catch {
        failed += 1
        if failed <= 5 { Issue.record("\(fault) at call \(n) of \(calls), after \(sweep.errors): \(error)") }
      }
      if sweep.hasStruck { struck += 1 }
      if !sweep.errors.isEmpty { noticed += 1 }
      if sweep.errors.contains(.full) { full += 1 }
    }
    #expect(failed == 0)
    #expect(struck > calls * 3 / 4)
    let lacksSpace = fault == .noSpaceOnce || fault == .noSpaceStays
    #expect(lacksSpace ? full > calls / 2 : full == 0)
    print("Store, \(fault): \(calls) points, \(struck) struck, \(noticed) were noticed, \(full) as a full disk, \(failed) failed")
  }
}
