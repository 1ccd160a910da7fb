import Gateway
import Testing

@Suite struct BrokerUptimeTests {
  private var uptime = BrokerUptime()

  private mutating func hears(_ seconds: Int64, at now: Int64) -> BrokerStart? { uptime.hears(seconds: seconds, now: now, boot: "this") }

  private mutating func ends(lastHeardAt: Int64, cleanly: Bool = false) {
    uptime.connectionEnded(lastHeardAt: lastHeardAt, cleanly: cleanly)
  }

  @Test mutating func `The first word on a connection counts, and none after it`() throws {
    #expect(hears(100, at: 500_000) == BrokerStart(at: 400_000, boot: "this", evidence: .none, isClean: false))
    #expect(hears(110, at: 510_000) == nil)
    #expect(hears(110, at: 560_000) == nil, "late: a connection that lives is proof enough")
  }

  @Test mutating func `A broker that runs for longer than it was out of sight is the same`() throws {
    _ = hears(100, at: 500_000)
    ends(lastHeardAt: 520_000)
    let again = hears(100, at: 619_000 - 1)
    #expect(again?.evidence == .same, "it says what it said at 500 s: a hundred seconds, maybe 99, and it was away for less")
    ends(lastHeardAt: 700_000)
    #expect(hears(9000, at: 800_000)?.evidence == .same)
  }

  @Test mutating func `One that runs for less was started anew, however soon`() throws {
    _ = hears(0, at: 500_000)
    ends(lastHeardAt: 505_000)
    #expect(hears(0, at: 506_000) == BrokerStart(at: 506_000, boot: "this", evidence: .anew, isClean: false))
    ends(lastHeardAt: 600_000, cleanly: true)
    #expect(hears(90, at: 700_000) == BrokerStart(at: 610_000, boot: "this", evidence: .anew, isClean: true))
    ends(lastHeardAt: 800_000, cleanly: true)
    #expect(hears(10, at: 900_000)?.isClean == false, "it may have ended twice")
  }

  @Test mutating func `A connection that ended before it told leaves the time before it in doubt`() throws {
    _ = hears(100, at: 500_000)
    ends(lastHeardAt: 510_000)
    ends(lastHeardAt: 560_000, cleanly: true)
    let start = hears(40, at: 570_000)
    #expect(start?.evidence == .anew)
    #expect(start?.isClean == false, "it was killed before the connection that it ended in good order, for all we know")
  }

  @Test func `After a start of this machine only a broker that is younger than it is known to be started anew`() {
    let before = BrokerStart(at: -5_000_000, boot: "before", evidence: .none, isClean: false)
    #expect(BrokerStart(at: 20_000, boot: "this", evidence: .none, isClean: false).isAnew(since: before))
    #expect(!BrokerStart(at: -90_000_000, boot: "this", evidence: .none, isClean: false).isAnew(since: before))
  }
}
