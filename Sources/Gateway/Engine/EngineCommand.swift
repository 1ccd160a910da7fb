import Foundation
import Readings

/// A command, as traces and the log carry it.
enum EngineCommand: Equatable, Sendable {
  /// `{"clock":"doubtful"}` and `{"clock":"trusted"}`: the machine's wall clock stepped, or came back.
  case clock(doubtful: Bool)
  /// `{"session":"asked"}`: the broker is about to be asked for our session.
  case sessionAsked
  /// `{"session":"refused"}`: it refuses us, and changed nothing.
  case sessionRefused
  /// `{"session":"kept"}`: it answered with our session. A connection begins.
  case sessionKept
  /// `{"session":"new"}`: it answered with a new one: it sends nothing again, and its packet ids begin anew. A connection begins.
  case sessionNew
  /// `{"broker":{"started":-7200000,"boot":"…","evidence":"same","clean":true}}`: since when the broker says that it runs.
  case brokerStarted(BrokerStart)
  /// `{"broker":{"dropped":7}}`: how many messages to anybody the broker says that it has dropped since its start.
  case brokerDropped(Int64)
  /// `{"rules":"reloaded","version":"…"}`: devices and rules were loaded anew. What follows from that is the engine's that begins here.
  case rulesReloaded(version: String)
  /// What an operator says of alerts: see `AlertCommand`.
  case alert(AlertCommand)

  /// nil where no such command is known.
  init?(json: [UInt8]) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(json)) as? [String: Any] else { return nil }
    if let command = AlertCommand(object) {
      self = .alert(command)
      return
    }
    if object.count == 2, object["rules"] as? String == "reloaded", let version = object["version"] as? String {
      self = .rulesReloaded(version: version)
      return
    }
    guard object.count == 1 else { return nil }
    switch (object["clock"] as? String, object["session"] as? String, object["broker"] as? [String: Any]) {
    case ("doubtful", _, _): self = .clock(doubtful: true)
    case ("trusted", _, _): self = .clock(doubtful: false)
    case (_, "asked", _): self = .sessionAsked
    case (_, "refused", _): self = .sessionRefused
    case (_, "kept", _): self = .sessionKept
    case (_, "new", _): self = .sessionNew
    case (_, _, let broker?):
      if let dropped = (broker["dropped"] as? NSNumber)?.int64Value, dropped >= 0 {
        self = .brokerDropped(dropped)
      } else if let at = (broker["started"] as? NSNumber)?.int64Value, abs(at) < 1_000_000_000_000_000,
        let boot = broker["boot"] as? String, let evidence = (broker["evidence"] as? String).flatMap(BrokerStart.Evidence.init)
      {
        self = .brokerStarted(BrokerStart(at: at, boot: boot, evidence: evidence, isClean: broker["clean"] as? Bool ?? false))
      } else {
        return nil
      }
    default: return nil
    }
  }

  /// Those of the gateway itself; what an operator says is kept as it came.
  var json: [UInt8] {
    let text: String =
      switch self {
      case .clock(let doubtful): doubtful ? #"{"clock":"doubtful"}"# : #"{"clock":"trusted"}"#
      case .sessionAsked: #"{"session":"asked"}"#
      case .sessionRefused: #"{"session":"refused"}"#
      case .sessionKept: #"{"session":"kept"}"#
      case .sessionNew: #"{"session":"new"}"#
      case .brokerStarted(let start):
        #"{"broker":{"started":\#(start.at),"boot":"\#(start.boot)","evidence":"\#(start.evidence.rawValue)","clean":\#(start.isClean)}}"#
      case .brokerDropped(let count): #"{"broker":{"dropped":\#(count)}}"#
      case .rulesReloaded(let version): #"{"rules":"reloaded","version":"\#(version)"}"#
      case .alert: "{}"
      }
    return Array(text.utf8)
  }
}
