import Gateway
import Readings
import Testing

/// The broker sends again what it had no acknowledgement for when a connection ended.
@Suite struct RedeliveryTests {
  private let gateway: GatewayWorkshop
  private let payload = #"{"values":{"speed":50}}"#

  init() throws {
    gateway = try GatewayWorkshop()
    gateway.engine.connectionBegan()
  }

  private func receive(_ payload: String? = nil, at: Int64, packet: UInt16 = 7) throws {
    gateway.send(payload ?? self.payload, at: at, packet: packet)
    try gateway.commit()
    #expect(gateway.counters.balances)
  }

  @Test func aMessageWithoutATimeThatComesAgainOnAnotherConnectionIsADuplicate() throws {
    try receive(at: 0)
    gateway.engine.connectionBegan()
    try receive(at: 90_000)
    #expect(try gateway.stored() == ["tr-1/speed@0=50"])
    #expect(gateway.counters.readingsDuplicate == 1)
  }

  @Test func soItIsAfterARestart() throws {
    try receive(at: 0)
    try gateway.reopen()
    gateway.engine.connectionBegan()
    try receive(at: 90_000)
    #expect(try gateway.stored() == ["tr-1/speed@0=50"])
  }

  @Test func soItIsHoweverOftenTheConnectionIsLost() throws {
    try receive(at: 0)
    for round in Int64(1)...5 {
      if round == 3 { try gateway.reopen() }
      gateway.engine.connectionBegan()
      try receive(at: round * 90_000)
    }
    #expect(try gateway.stored() == ["tr-1/speed@0=50"])
    #expect(gateway.counters.readingsDuplicate == 5)
  }

  @Test func theSameContentOnTheSameConnectionOrInAnotherPacketIsANewReading() throws {
    try receive(at: 0)
    try receive(at: 1000)
    gateway.engine.connectionBegan()
    try receive(at: 2000, packet: 8)
    try receive(#"{"values":{"speed":51}}"#, at: 3000)
    gateway.send(payload, from: "tr-2", at: 4000, packet: 7)
    try gateway.commit()
    #expect(
      try gateway.stored() == ["tr-1/speed@0=50", "tr-1/speed@1000=50", "tr-1/speed@2000=50", "tr-1/speed@3000=51", "tr-2/speed@4000=50"])
  }

  @Test func twoThatWereAlikeAreTwoWhenTheyComeAgain() throws {
    try receive(at: 0)
    try receive(at: 1000)
    gateway.engine.connectionBegan()
    try receive(at: 2000)
    try receive(at: 3000)
    try receive(at: 4000)
    #expect(try gateway.stored() == ["tr-1/speed@0=50", "tr-1/speed@1000=50", "tr-1/speed@4000=50"])
  }

  @Test func aMessageWhoseTimeWasMovedIsKnownEvenWhenItsTimeHasComeMeanwhile() throws {
    let early = #"{"ts":\#(GatewayWorkshop.start + 600_000),"values":{"speed":50}}"#
    for at in [Int64(0), 400_000, 900_000] {
      gateway.engine.connectionBegan()
      try receive(early, at: at)
    }
    #expect(try gateway.stored() == ["tr-1/speed@0=50 moved"])
  }

  @Test func aMessageWithATimeIsKnownByIt() throws {
    let timed = #"{"ts":\#(GatewayWorkshop.start),"values":{"speed":50}}"#
    try receive(timed, at: 0)
    gateway.engine.connectionBegan()
    try receive(timed, at: 90_000, packet: 99)
    #expect(try gateway.stored() == ["tr-1/speed@0=50"])
  }

  @Test func aSessionThatTheBrokerLostSendsNothingAgain() throws {
    try receive(at: 0)
    gateway.engine.connectionBegan(sessionPresent: false)
    try receive(at: 90_000)
    #expect(try gateway.stored() == ["tr-1/speed@0=50", "tr-1/speed@90000=50"], "packet ids began anew: this is a new message")
    try gateway.reopen()
    gateway.engine.connectionBegan()
    try receive(at: 95_000)
    try receive(at: 99_000)
    #expect(try gateway.stored() == ["tr-1/speed@0=50", "tr-1/speed@90000=50", "tr-1/speed@99000=50"])
  }

  /// In one batch: the log row keeps no order between its commands and the messages without a ts.
  @Test func whatTheBrokerForgotIsForgottenAfterARestartToo() throws {
    gateway.send(payload, at: 0, packet: 7)
    #expect(gateway.engine.command(Array(#"{"session":"new"}"#.utf8), at: GatewayWorkshop.time(1000)) == .done)
    try gateway.commit()
    try gateway.reopen()
    gateway.engine.connectionBegan()
    try receive(at: 90_000)
    #expect(try gateway.stored() == ["tr-1/speed@0=50", "tr-1/speed@90000=50"])
  }
}
