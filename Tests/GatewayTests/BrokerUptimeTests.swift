import Gateway
import Testing

@Suite struct BrokerUptimeTests {
  private var uptime = BrokerUptime()

  private mutating func hears(_ seconds: Int64, at now: Int64) -> BrokerStart? {
    uptime.hears(seconds: seconds, now: now, boot: "this", endedCleanly: false)
  }

  @Test mutating func `The first word is news, and one that says the same start is none`() throws {
    #expect(hears(100, at: 500_000) == BrokerStart(at: 400_000, boot: "this", isProven: false, isClean: false))
    #expect(hears(110, at: 510_000) == nil)
    #expect(hears(119, at: 529_999) == nil, "whole seconds, said up to ten seconds ago")
  }

  @Test mutating func `An uptime that has become shorter proves another life of the broker, however soon after the first`() throws {
    _ = hears(3, at: 500_000)
    #expect(hears(1, at: 502_000)?.isProven == true)
    #expect(hears(2, at: 503_000) == nil)
  }

  @Test mutating func `A start that lies later than can be explained is news`() throws {
    _ = hears(100, at: 500_000)
    #expect(hears(200, at: 700_000) == BrokerStart(at: 500_000, boot: "this", isProven: false, isClean: false))
  }

  @Test mutating func `What was read late says nothing of a later start`() throws {
    uptime.reads(now: 500_000)
    _ = hears(100, at: 500_000)
    uptime.reads(now: 560_000)
    #expect(hears(110, at: 560_000) == nil, "it waited for fifty seconds")
    uptime.reads(now: 564_000)
    uptime.reads(now: 568_000)
    uptime.reads(now: 572_000)
    uptime.reads(now: 576_000)
    #expect(hears(176, at: 576_000) == nil, "the same start as ever")
    #expect(hears(120, at: 576_100)?.isProven == true, "a shorter uptime is proof at any time")
  }

  @Test func `After a start of this machine only a broker that is younger than it is known to be started anew`() {
    let before = BrokerStart(at: -5_000_000, boot: "before", isProven: false, isClean: false)
    #expect(BrokerStart(at: 20_000, boot: "this", isProven: false, isClean: false).isAnew(since: before))
    #expect(!BrokerStart(at: -90_000_000, boot: "this", isProven: false, isClean: false).isAnew(since: before))
  }
}
