package import Readings

/// The catalogue of fixed texts for operators, in both languages. What rules say stands in their files.
package enum OperatorText {
  /// The message of a `cleared` event: the rule's own message tells what is wrong, and would be untrue now.
  package static func cleared(rule: BilingualText, place: String) -> BilingualText {
    BilingualText(vi: "\(place): đã hết “\(rule.vi)”", en: "\(place): over, “\(rule.en)”")
  }
}
