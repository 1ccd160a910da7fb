import Gateway
import Testing

@Suite struct BrokerUptimeTests {
  private var uptime = BrokerUptime()

  private mutating func hears(_ seconds: Int64, at now: Int64) -> BrokerStart? {
    uptime.hears(seconds: seconds, now: now, boot: "this", endedCleanly: false)
  }

  @Test mutating func `The first word is news, and on the same connection none after it is`() throws {
    #expect(hears(100, at: 500_000) == BrokerStart(at: 400_000, boot: "this", isProven: false, isClean: false))
    #expect(hears(110, at: 510_000) == nil)
    #expect(hears(110, at: 560_000) == nil, "late: a connection that lives is proof enough")
  }

  @Test mutating func `A broker that runs for longer than it was out of sight is the same`() throws {
    _ = hears(100, at: 500_000)
    uptime.connectionEnded(lastHeardAt: 520_000)
    #expect(hears(100, at: 620_000 - 1) == nil, "it says what it said at 500 s: a hundred seconds, and it was away for less")
    uptime.connectionEnded(lastHeardAt: 700_000)
    #expect(hears(9000, at: 800_000) == nil)
  }

  @Test mutating func `One that runs for less was started anew, however soon`() throws {
    _ = hears(0, at: 500_000)
    uptime.connectionEnded(lastHeardAt: 505_000)
    #expect(hears(0, at: 506_000) == BrokerStart(at: 506_000, boot: "this", isProven: true, isClean: false))
    uptime.connectionEnded(lastHeardAt: 600_000)
    #expect(hears(60, at: 700_000)?.isProven == true)
  }

  @Test mutating func `A connection that ended before it told leaves the time before it in doubt`() throws {
    _ = hears(100, at: 500_000)
    uptime.connectionEnded(lastHeardAt: 510_000)
    uptime.connectionEnded(lastHeardAt: 560_000)
    #expect(hears(40, at: 570_000)?.isProven == true)
  }

  @Test func `After a start of this machine only a broker that is younger than it is known to be started anew`() {
    let before = BrokerStart(at: -5_000_000, boot: "before", isProven: false, isClean: false)
    #expect(BrokerStart(at: 20_000, boot: "this", isProven: false, isClean: false).isAnew(since: before))
    #expect(!BrokerStart(at: -90_000_000, boot: "this", isProven: false, isClean: false).isAnew(since: before))
  }
}
