import Foundation

/// A day at the gateway's door, made of a seed: several devices, late, early, twice, in disorder, broken, and what else happens to a gateway.
package struct RandomTrace {
  package enum Input: Sendable {
    case message(topic: String, payload: [UInt8], retain: Bool, packet: UInt16)
    case clock
    case intake(up: Bool)
    case command(String)
    /// Takes no time and stands in no log.
    case connection(sessionPresent: Bool)
  }

  package struct Item: Sendable {
    /// Milliseconds after the town's start.
    package var at: Int64
    package var input: Input
  }

  package private(set) var items: [Item] = []
  private var random: SeededGenerator
  private let hasPackets: Bool
  private var at: Int64 = 0
  /// What all devices' clocks are off by, for a while.
  private var offset: Int64 = 0
  private var sent: [(topic: String, payload: [UInt8], packet: UInt16)] = []
  private var packet: UInt16 = 0

  /// - Parameter hasPackets: as from a broker, with packet ids, lost connections and what comes again after them.
  package init(seed: UInt64, count: Int, hasPackets: Bool) {
    random = SeededGenerator(seed: seed)
    self.hasPackets = hasPackets
    while items.count < count { step() }
  }

  private mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
  private mutating func pick<T>(_ all: [T]) -> T { all[Int.random(in: all.indices, using: &random)] }

  private mutating func step() {
    passTime()
    switch Int.random(in: 0..<40, using: &random) {
    case 0: append(.clock)
    case 1: append(.intake(up: Bool.random(using: &random)))
    case 2: append(.command(pick([#"{"clock":"doubtful"}"#, #"{"clock":"trusted"}"#, #"{ "clock": "trusted" }"#, #"{"session":"new"}"#])))
    case 3: offset = chance(2) ? 0 : pick([-700_000, 700_000, -90_000_000])
    case 4, 5, 6: again()
    case 7 where hasPackets: reconnect()
    case 8: broken()
    case 9: append(.command(operatorCommand()))
    default: message()
    }
  }

  /// What an operator says of some alert that is raised (`?7` is to become the id of one), or of many.
  private mutating func operatorCommand() -> String {
    let alert = "?\(Int.random(in: 0..<100, using: &random))"
    switch Int.random(in: 0..<8, using: &random) {
    case 0, 1, 2: return #"{"ack":"\#(alert)","by":"Lan","note":"đang xem"}"#
    case 3: return #"{"close":"\#(alert)","by":"Minh"}"#
    case 4: return #"{"unsilence":"\#(pick(["a", "b", "c"]))","by":"Lan"}"#
    default: return silence()
    }
  }

  private mutating func silence() -> String {
    let now = SimulatedTown.start + at
    let whom = pick([
      #""site":["s"]"#, #""rule":["slow-now","jam"]"#, #""device":["tr-1","tr-3"],"severity":["minor","info"]"#, #""severity":["major"]"#,
    ])
    let until = now + Int64.random(in: -20_000...900_000, using: &random)
    let hours =
      chance(3) ? #","weekly":{"days":["fri","sat"],"from":"\#(Self.hour(now - 120_000))","to":"\#(Self.hour(now + 180_000))"}"# : ""
    let from = chance(4) ? #","from":"\#(Self.rfc3339(now + 30_000))""# : ""
    return #"{"silence":{"id":"\#(pick(["a", "b", "c"]))",\#(whom),"until":"\#(Self.rfc3339(until))"\#(from)\#(hours)},"by":"Lan"}"#
  }

  private static func hour(_ milliseconds: Int64) -> String { String(rfc3339(milliseconds).dropFirst(11).prefix(5)) }

  /// The command with the id of one of the alerts that are raised.
  package static func naming(_ command: String, alerts: [String]) -> String {
    guard let mark = command.firstIndex(of: "?"), let end = command[mark...].firstIndex(of: "\""), !alerts.isEmpty,
      let number = Int(command[command.index(after: mark)..<end])
    else { return command }
    return command.replacingCharacters(in: mark..<end, with: alerts[number % alerts.count])
  }

  private mutating func passTime() {
    switch Int.random(in: 0..<20, using: &random) {
    case 0: at += Int64.random(in: 60_000...400_000, using: &random)
    case 1: at += 60_000 - at % 60_000  // a whole minute
    case 2: at -= Int64.random(in: 0...5000, using: &random)  // it never goes back, whatever an input says
    case 3...8: break
    default: at += Int64.random(in: 0...9000, using: &random)
    }
  }

  private mutating func append(_ input: Input) { items.append(Item(at: at, input: input)) }

  private mutating func send(_ topic: String, _ payload: [UInt8]) {
    if hasPackets { packet = packet % 500 + 1 }
    sent.append((topic, payload, packet))
    append(.message(topic: topic, payload: payload, retain: chance(60), packet: packet))
  }

  /// Something that was sent not long ago, as a device or a bridge repeats it.
  private mutating func again() {
    guard !sent.isEmpty else { return }
    let old = sent[max(0, sent.count - 1 - Int.random(in: 0..<40, using: &random))]
    send(old.topic, old.payload)
  }

  /// The connection is lost and comes back; the broker sends the last messages again, with their packet ids.
  private mutating func reconnect() {
    let isPresent = !chance(6)
    append(.connection(sessionPresent: isPresent))
    guard isPresent else { return }
    for old in sent.suffix(Int.random(in: 0...6, using: &random)) {
      append(.message(topic: old.topic, payload: old.payload, retain: false, packet: old.packet))
    }
  }

  private mutating func message() {
    let device = pick(["tr-1", "tr-1", "tr-2", "tr-3", "cab-1"])
    let site = device == "tr-3" ? "z" : "s"
    let topic = "thuong/v1/\(site)/\(device == "cab-1" ? "lighting" : "traffic")/\(device)/telemetry"
    if chance(10) {
      let objects = (0..<Int.random(in: 0...4, using: &random)).map { _ in
        chance(8) ? pick(["7", "{}", #"{"ts":"x","values":{}}"#]) : object(device)
      }
      return send(topic, Array("[\(objects.joined(separator: ","))]".utf8))
    }
    send(topic, Array(object(device).utf8))
  }

  private mutating func object(_ device: String) -> String {
    var fields: [String] = []
    if let ts = time() { fields.append("\"ts\":\(ts)") }
    fields.append("\"values\":{\(values(device).joined(separator: ","))}")
    if chance(15) { fields.append(pick([#""status":"01""#, #""status":{"speed":"02"}"#, #""status":"??""#, #""device":"tr-1""#])) }
    return "{\(fields.joined(separator: ","))}"
  }

  private mutating func time() -> String? {
    let now = SimulatedTown.start + at + offset
    switch Int.random(in: 0..<30, using: &random) {
    case 0...5: return nil
    case 6...8: return "\(now - Int64.random(in: 0...1_800_000, using: &random))"  // late
    case 9: return "\(now + Int64.random(in: 250_000...900_000, using: &random))"  // ahead
    case 10: return "1000"  // too old
    case 11...14: return "\(now / 30_000 * 30_000)"  // taken, sooner or later
    case 15: return "\"\(Self.rfc3339(now))\""
    default: return "\(now - Int64.random(in: 0...3000, using: &random))"
    }
  }

  /// In Vietnam's time, as devices there write it.
  private static func rfc3339(_ milliseconds: Int64) -> String {
    let second = Date(timeIntervalSince1970: Double((milliseconds + 7 * 3_600_000) / 1000))
    return second.formatted(.iso8601.dateSeparator(.dash)).dropLast() + ".\(String(milliseconds % 1000 + 1000).dropFirst())+07:00"
  }

  private mutating func values(_ device: String) -> [String] {
    if device == "cab-1" {
      return [
        chance(3) ? "" : #""door":\#(pick(["\"OPEN\"", "\"CLOSED\"", "\"AJAR\"", "true", "0"]))"#,
        chance(2) ? "" : #""power":\#(pick(["5", "null", "1.5"]))"#,
      ]
      .filter { !$0.isEmpty }
    }
    let slow = chance(2)
    var values = [
      #""speed":\#(slow ? Int.random(in: 0...15, using: &random) : Int.random(in: 30...70, using: &random)).\#(Int.random(in: 0...9, using: &random))"#
    ]
    if chance(2) { values.append(#""occupancy":\#(slow ? "41.25" : "12.5")"#) }
    if chance(5) { values.append(#""volume":\#(pick(["1", "95", "null", "1e999", "-0", "0"]))"#) }
    if chance(30) { values.append(pick([#""speed":300"#, #""pm25":1"#, #""occupancy":"much""#, #""queue":1e300"#, #""speed":null"#])) }
    return chance(4) ? Array(values.dropFirst()) : values.shuffled(using: &random)
  }

  private mutating func broken() {
    let topic = pick([
      "thuong/v1/s/traffic/tr-9/telemetry", "thuong/v1/z/traffic/tr-1/telemetry", "thuong/v1/s/traffic/tr-2/telemetry",
      "thuong/v1/s/traffic/tr-1/status", "?",
    ])
    send(
      topic,
      pick([
        Array("{".utf8), Array("online".utf8), Array(#"{"values":{"speed":1}}"#.utf8), [UInt8](repeating: 0x20, count: (256 << 10) + 1),
        [0xff],
      ]))
  }
}
