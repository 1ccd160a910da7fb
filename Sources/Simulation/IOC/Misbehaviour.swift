import DeviceRegistry
import Foundation
package import Readings

/// What a stand-in IOC does wrong on purpose, and how often: a value that only decides.
///
/// Written as a list, `fail:30%,hang:5%,429:2s:10%,down:30m/2h`. An item is `KIND[:ARGUMENT][:CHANCE%]`. Items without a chance share
/// evenly what the others leave; what all leave is answered rightly. The choice is made anew for every attempt, from the seed, the event's
/// id and the number of the attempt: the same again whatever the order in which events come.
package struct Misbehaviour: Sendable, Equatable {
  package enum Fault: Sendable, Equatable {
    /// That status, nothing kept; with `Retry-After` where there is one.
    case status(Int, retryAfter: Milliseconds?)
    /// 302 to that place, nothing kept.
    case redirect(String)
    /// Never answers, nothing kept.
    case hang
    /// Keeps the event, then answers a byte a second.
    case slow
    /// Keeps the event, then closes the connection before or within the answer.
    case drop
    /// Closes the connection before the body is read.
    case reset
    /// Keeps the event, then answers 200 with a body that does not end.
    case big
    /// Keeps the event, and answers after that time.
    case late(Milliseconds)
    /// Answers 204 and keeps nothing.
    case lie

    /// Whether the event is kept, as one that is answered with 2xx is.
    package var keeps: Bool {
      switch self {
      case .slow, .drop, .big, .late: true
      case .status, .redirect, .hang, .reset, .lie: false
      }
    }
  }

  package struct Item: Sendable, Equatable {
    package var fault: Fault
    /// The kind as it was written: `hang`, `429`.
    package var name: String
    /// In 0...1.
    package var chance: Double
  }

  /// All connections are closed at once for the last `length` of every `period`.
  package struct Outage: Sendable, Equatable {
    package var length, period: Milliseconds
    package init(length: Milliseconds, period: Milliseconds) { (self.length, self.period) = (length, period) }
  }

  package private(set) var items: [Item] = []
  package private(set) var outage: Outage?
  /// As it was given, for people.
  package let text: String
  private let seed: UInt64

  /// Why a list of faults is none, in one line that says what is known.
  package struct Malformed: Error, Equatable, CustomStringConvertible {
    package let description: String
  }

  package static let kinds =
    "fail, hang, slow, drop, reset, redirect:URL, big, late:TIME, lie, down:TIME/TIME, and any status from 300 to 599"

  package init(_ text: String, seed: UInt64 = 1) throws(Malformed) {
    (self.text, self.seed) = (text, seed)
    var open: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let (words, chance) = try Self.split(part.trimmingCharacters(in: .whitespaces))
      if words.name == "down" {
        outage = try Self.outage(words.argument, chance)
        continue
      }
      if chance == nil { open.append(items.count) }
      items.append(Item(fault: try Self.fault(words.name, words.argument), name: words.name, chance: chance ?? 0))
    }
    let sum = items.reduce(0) { $0 + $1.chance }
    guard sum <= 1.000_001 else {
      throw Malformed(description: "the chances are \(JSONWriter.number((sum * 100_000).rounded() / 1000))% together; 100% at most")
    }
    for place in open { items[place].chance = max(0, 1 - sum) / Double(open.count) }
  }

  private static func split(_ text: String) throws(Malformed) -> (words: (name: String, argument: String?), chance: Double?) {
    var rest = Substring(text)
    var chance: Double?
    if rest.last == "%" {
      let colon = rest.lastIndex(of: ":")
      guard let colon, let percent = Double(rest[colon...].dropFirst().dropLast()), (0...100).contains(percent) else {
        throw Malformed(description: "\"\(text)\" needs a chance like :30%")
      }
      (chance, rest) = (percent / 100, rest[..<colon])
    }
    let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    return ((parts.first ?? "", parts.count == 2 ? parts[1] : nil), chance)
  }

  private static func fault(_ name: String, _ argument: String?) throws(Malformed) -> Fault {
    switch (name, argument) {
    case ("fail", nil): return .status(500, retryAfter: nil)
    case ("hang", nil): return .hang
    case ("slow", nil): return .slow
    case ("drop", nil): return .drop
    case ("reset", nil): return .reset
    case ("big", nil): return .big
    case ("lie", nil): return .lie
    case ("redirect", let place?) where place.hasPrefix("http://") || place.hasPrefix("https://") || place.hasPrefix("/"):
      return .redirect(place)
    case ("redirect", _): throw Malformed(description: "redirect needs a place: redirect:http://HOST/PATH")
    case ("late", let time?):
      if let time = DurationText.milliseconds(time) { return .late(time) }
      throw Malformed(description: "\"\(time)\" is no time; write it like late:5s")
    case ("late", nil): throw Malformed(description: "late needs a time: late:5s")
    default: return try status(name, argument)
    }
  }

  private static func status(_ name: String, _ argument: String?) throws(Malformed) -> Fault {
    guard let status = Int(name) else {
      let isKnown = ["fail", "hang", "slow", "drop", "reset", "big", "lie"].contains(name)
      throw Malformed(
        description: isKnown ? "\(name) takes no argument but a chance: \(name):10%" : "unknown \"\(name)\"; known are \(kinds)")
    }
    guard (300...599).contains(status) else { throw Malformed(description: "\(status) is no status from 300 to 599") }
    guard let argument else { return .status(status, retryAfter: status == 429 ? 1000 : nil) }
    guard let time = DurationText.milliseconds(argument), time >= 1000 else {
      throw Malformed(description: "\"\(argument)\" is no Retry-After; write whole seconds like \(status):2s")
    }
    return .status(status, retryAfter: time)
  }

  private static func outage(_ argument: String?, _ chance: Double?) throws(Malformed) -> Outage {
    let times = (argument ?? "").split(separator: "/").compactMap { DurationText.milliseconds(String($0)) }
    guard chance == nil, times.count == 2, times[0] > 0, times[0] < times[1] else {
      throw Malformed(description: "down needs its length and how often: down:30m/2h")
    }
    return Outage(length: times[0], period: times[1])
  }

  /// Whether it is out `elapsed` after the start: in the last part of each period.
  package func isDown(after elapsed: Milliseconds) -> Bool {
    guard let outage else { return false }
    return elapsed % outage.period >= outage.period - outage.length
  }

  /// What is to be done to an attempt, from 1, of an event; nil where it is answered rightly.
  package func item(id: String, attempt: Int) -> Item? {
    var chance = Self.fraction("\(seed) \(attempt) \(id)")
    for item in items {
      if chance < item.chance { return item }
      chance -= item.chance
    }
    return nil
  }

  /// A number in 0..<1 that depends on every byte.
  static func fraction(_ text: String) -> Double {
    let hash = Array(text.utf8).withUnsafeBytes { ByteHash.of($0) }
    return Double(ByteHash.of(withUnsafeBytes(of: hash) { Array($0) }) >> 11) / 9_007_199_254_740_992
  }
}

extension ByteHash {
  fileprivate static func of(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { of($0) } }
}
