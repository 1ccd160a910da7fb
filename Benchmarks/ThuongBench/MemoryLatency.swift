/// What one read costs that the one before says where to make: the limit of what waits for memory. It differs by ten times between a
/// machine of its own and one that shares its caches with others, and so do figures of rules.
enum MemoryLatency {
  /// Nanoseconds a read, of memory of so many MB that is read in random order.
  static func nanoseconds(megabytes: Int) -> Double {
    let lines = megabytes * 16_384
    // Each line holds the number of the next, all in one circle (Sattolo's shuffle).
    var next = Array(0..<lines)
    var random = Sequence64(state: UInt64(megabytes))
    for place in stride(from: lines - 1, to: 0, by: -1) { next.swapAt(place, Int(random.next() % UInt64(place))) }
    let memory = UnsafeMutablePointer<Int>.allocate(capacity: lines * 8)
    defer { memory.deallocate() }
    for line in 0..<lines { (memory + line * 8).initialize(to: next[line]) }
    let reads = 1_000_000
    var line = 0
    let before = Machine.nanoseconds
    for _ in 0..<reads { line = memory[line * 8] }
    let spent = Double(Machine.nanoseconds - before) / Double(reads)
    return line < 0 ? .nan : spent
  }

  /// One line for people.
  static var text: String {
    let parts = [1, 4, 16].map { "\(Shown.decimals(nanoseconds(megabytes: $0), 0)) ns of \($0) MB" }
    return "  a read at random: \(parts.joined(separator: ", "))"
  }

  private struct Sequence64 {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
  }
}
