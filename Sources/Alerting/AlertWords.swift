package import Readings

/// What may become of an alert. The raw value is what is stored and what the API shows.
package enum AlertTransition: String, CaseIterable, Codable, Sendable {
  case raised, escalated, acknowledged, closed, cleared
  /// It turned so often that it stays open; and is quiet again, still raised.
  case flapping, settled
  case reminder
  /// Its device is silent; and is heard again.
  case stale, fresh
  /// It is raised, and nobody is told yet.
  case late, silenced, inhibited
  /// Those who were not told when it was raised are told now.
  case told
}

/// Why it did. A transition's `detail` says more where there is more: a rule, a silence, a note.
package enum AlertReason: String, CaseIterable, Codable, Sendable {
  /// The rule's condition, or that of a step of its escalation.
  case condition
  /// It was heard of long after it was so.
  case lateData = "late_data"
  /// What came late has come.
  case dataFresh = "data_fresh"
  /// `detail`: the silence.
  case silence
  case silenceOver = "silence_over"
  /// `detail`: the rule that inhibits it.
  case inhibitor
  case inhibitorOver = "inhibitor_over"
  /// Nothing inhibited it while that was waited for.
  case waited
  /// Somebody's command. `detail`: the note.
  case hand
  /// So many turns within the time that the rule says.
  case turns
  /// No turn for so long.
  case noTurns = "no_turns"
  /// Nobody has acknowledged it.
  case unacknowledged
  /// The store was restored from a backup: what was told of the alert since may be otherwise.
  case restored
  case deviceSilent = "device_silent"
  case deviceHeard = "device_heard"
  case ruleRemoved = "rule_removed"
  case deviceRemoved = "device_removed"
  /// The rule is there, and no longer for what the alert is of: its `where`, or the device, says otherwise now.
  case outOfScope = "out_of_scope"
}

/// Why nobody is told of an alert that is raised, the strongest reason first.
package enum AlertHold: String, CaseIterable, Codable, Sendable {
  /// It began long ago; whether it still lasts is not known yet.
  case late
  case inhibited, silenced
  /// Rules that may inhibit it are waited for.
  case waiting
}

/// Somebody has seen it.
package struct Acknowledgement: Hashable, Codable, Sendable {
  package var by: String
  package var at: Timestamp
  package var note: String?
  package init(by: String, at: Timestamp, note: String?) { (self.by, self.at, self.note) = (by, at, note) }
}
