import DeviceRegistry
package import Readings

/// What a rule says of its alerts beyond when they begin and end.
package struct AlertPolicy: Sendable {
  /// One step of `escalate`: a raised alert becomes of that severity once the condition has held for so long. Severity only rises.
  package struct Escalation: Sendable {
    package var severity: Severity
    package var when: Condition
    package var hold: Milliseconds
  }

  /// An entry of `inhibited_by`: while that rule is pending or raised for the same device, zone or site, nobody is told of this one.
  package struct Inhibition: Sendable {
    package enum Same: String, Sendable, CaseIterable { case device, zone, site }
    package var rule: String
    package var same: Same
  }

  /// `flapping`: an alert that turns so often within that time stays open and is told once, until it settles.
  package struct Flapping: Sendable, Equatable {
    package var turns: Int
    package var within: Milliseconds
  }

  /// In the order of the file.
  package var escalations: [Escalation] = []
  package var inhibitions: [Inhibition] = []
  package var flapping: Flapping?
  /// A reminder after each such time while nobody has acknowledged; nil: none.
  package var remind: Milliseconds?

  package init() {}
}

/// `for_each`: the groups of devices whose members a rule counts, in place of single devices.
package struct GroupScope: Sendable, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    case zone, ward, site

    /// Does the device stand in such a place at any time?
    func canHold(_ device: Device) -> Bool {
      switch self {
      case .zone: device.zone != nil
      case .ward: !device.wards.isEmpty
      case .site: true
      }
    }
  }
  package var kind: Kind
  /// The share of members that must be known for `share(…)` to be.
  package var quorum = 0.5
}

// What of it decides a rule's behaviour. Nothing where nothing is said: the versions of rules without it stay what they are.
extension AlertPolicy {
  var versionParts: [String] {
    escalations.map { "escalate \($0.severity.name) \($0.when.canonical) \($0.hold)" }
      + inhibitions.map { "inhibited by \($0.rule) \($0.same.rawValue)" }
      + (flapping.map { ["flapping \($0.turns) \($0.within)"] } ?? []) + (remind.map { ["remind \($0)"] } ?? [])
  }
}

extension GroupScope {
  var versionParts: [String] { ["for each \(kind.rawValue) \(quorum)"] }
}
