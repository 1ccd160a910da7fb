package import Readings

/// What became of a command.
package enum CommandOutcome: Equatable, Sendable {
  case done
  /// It changed nothing.
  case refused(CommandRefusal)
  /// No such command is known; not even the clock has moved.
  case unknown
}

/// Why a command is refused.
package enum CommandRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  case unknownAlert(String)
  /// It is over: nobody can acknowledge or close it any more.
  case alertEnded(String)
  case unknownSilence(String)
  /// It would have ended before it began, or before now.
  case silenceOver(until: Timestamp)
  /// Nothing of that name is known: no rule, device, zone or site of those it names.
  case matchesNothing([String])
  /// It names nothing at all, and would silence every alert.
  case matchesEverything
  case tooManySilences(most: Int)
  case malformed(String)
  /// The gateway has no clock yet.
  case noClock

  package var description: String {
    switch self {
    case .unknownAlert(let id): "no alert of the id \(id) is known"
    case .alertEnded(let id): "alert \(id) is over already"
    case .unknownSilence(let id): "no silence of the id \(id) is known"
    case .silenceOver(let until): "it would end at \(until.rfc3339), before it begins or before now"
    case .matchesNothing(let names): "it would match nothing: nobody knows \(names.joined(separator: ", "))"
    case .matchesEverything: "it would silence every alert: name rules, devices, zones, sites or severities"
    case .tooManySilences(let most): "there are \(most) silences already, the most there may be"
    case .malformed(let why): why
    case .noClock: "the gateway has no clock before its first message"
    }
  }
}
