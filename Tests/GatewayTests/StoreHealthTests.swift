import Database
import Gateway
import Testing

@Suite struct StoreHealthTests {
  private let holder = LogHolder(process: 1234, name: "sqlite3")
  private var health = StoreHealth(logBytesMax: 256 << 20)

  private mutating func check(_ bytes: Int64, isEmptied: Bool, holders: [LogHolder]) -> StoreHealth.Change {
    health.check(logBytes: bytes, empty: { isEmptied }, holders: { holders })
  }

  @Test mutating func `A log within its bound is well, whoever reads`() {
    let change = health.check(
      logBytes: 256 << 20,
      empty: {
        Issue.record("nothing is to be emptied")
        return false
      }, holders: { [holder] })
    #expect(change == .none)
    #expect(!health.isHeld)
    #expect(health.problem == nil)
  }

  @Test mutating func `A log beyond its bound that can be emptied is well`() {
    #expect(check(257 << 20, isEmptied: true, holders: []) == .none)
    #expect(!health.isHeld)
  }

  @Test mutating func `Beyond the bound the oldest reader is named, once held and once freed`() {
    let other = LogHolder(process: 99, name: "thuong")
    #expect(check(257 << 20, isEmptied: false, holders: [holder, other]) == .held)
    #expect(health.problem?.hasPrefix("store_reader_stuck: process 1234 (sqlite3) ") == true)
    #expect(health.problem?.contains("256 MB") == true)
    #expect(check(258 << 20, isEmptied: false, holders: [other]) == .none)
    #expect(health.problem?.hasPrefix("store_reader_stuck: process 99 (thuong) ") == true, "another one now")
    #expect(check(258 << 20, isEmptied: true, holders: []) == .freed)
    #expect(health.problem == nil)
    #expect(check(0, isEmptied: true, holders: []) == .none)
  }

  @Test mutating func `A reader that cannot be found is told of all the same`() {
    #expect(check(257 << 20, isEmptied: false, holders: []) == .held)
    #expect(health.problem?.contains("could not be found") == true)
  }
}
