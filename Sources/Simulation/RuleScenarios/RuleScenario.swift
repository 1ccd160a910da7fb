package import DeviceRegistry
package import Readings

/// A few lines of data in, expected transitions out: how an engineer says what a rule is to do. `RuleScenarioFile` reads it,
/// `RuleScenarioRun` runs it through the gateway's own engine.
package struct RuleScenario: Sendable {
  /// One transition that must be told.
  package struct Expectation: Sendable {
    /// The T at which it becomes true.
    package var at: Timestamp
    package var rule: String
    /// `raised`, `cleared`, `escalated` and what else events of alerts are called.
    package var transition: String
    /// Nil: any.
    package var severity: Severity?
    /// The device's id, or a group's subject; nil: any.
    package var subject: String?
    /// Where it stands; the message says nothing.
    package var place: FileFault
  }

  /// What happens besides data.
  package enum Action: Sendable {
    case intake(isUp: Bool)
    /// `ack` or `close` of the alert that this rule raised last, of that device where one is named; further fields as JSON.
    case ofAlert(verb: String, rule: String, device: String?, rest: [(key: String, json: String)])
    /// Any other command, as it stands in a trace.
    case command(json: String)
  }

  package enum Step: Sendable {
    case message(topic: String, payload: [UInt8])
    case action(Action, place: FileFault)
  }

  package var name: BilingualText
  /// Rules whose transitions are looked at; empty: all.
  package var rules: [String]
  /// The scenario's devices alone: nothing else is silent, or rings.
  package var registry: Registry
  package var start: Timestamp
  package var end: Timestamp
  /// In order of time.
  package var steps: [(at: Timestamp, step: Step)]
  package var expectations: [Expectation]
  /// Where the scenario begins; the message says nothing.
  package var place: FileFault
}
