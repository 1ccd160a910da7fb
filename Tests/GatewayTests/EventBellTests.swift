import Gateway
import Synchronization
import Testing

@Suite struct EventBellTests {
  @Test func `whoever listens is called over the same stack, however often it rang before`() {
    let bell = EventBell()
    let places = Mutex<[UInt]>([])
    bell.listen { _ in
      var here = 0
      withUnsafePointer(to: &here) { place in places.withLock { $0.append(UInt(bitPattern: place)) } }
    }
    for _ in 0..<1000 { bell.ring([:]) }
    let all = places.withLock { $0 }
    #expect(all.count == 1000)
    #expect((all.max() ?? 0) - (all.min() ?? 0) == 0, "bytes of stack more at the last than at the first")
  }
}
