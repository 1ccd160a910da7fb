/// One way into the product for bytes from outside, and what holds whatever they are. It sees one input after the other, as the
/// product does: one that leaves something behind for the next is a fault too.
package protocol Harness: AnyObject, SendableMetatype {
  /// What `thuong-fuzz` is told, and the corpus's folder.
  static var name: String { get }
  /// It goes on with what earlier inputs left, a store and its statements: none of that is lost memory.
  static var keepsState: Bool { get }
  init() throws
  /// - Returns: what became of the input, in the word that its name begins with in the corpus.
  /// - Throws: a `Violation` where a promise was broken. A crash, a hang and lost memory are the fuzzer's to find.
  @discardableResult func check(_ input: UnsafeRawBufferPointer) throws -> String
}

extension Harness {
  package static var keepsState: Bool { false }
}

/// A promise that an input broke, in a sentence.
package struct Violation: Error, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}

/// - Throws: a `Violation` where the condition is false.
func promise(_ condition: Bool, _ sentence: @autoclosure () -> String) throws {
  if !condition { throw Violation(sentence()) }
}

package enum Harnesses {
  /// One line here and a folder of the corpus is all that a further one needs.
  package static let all: [any Harness.Type] = [
    PayloadHarness.self, TopicHarness.self, TraceHarness.self, RuleHarness.self, ExpressionHarness.self, DeviceHarness.self,
    LogRowHarness.self, BrokerHarness.self, ChunkHarness.self, TemplateHarness.self, SinkHarness.self, ScenarioHarness.self,
    OrderHarness.self, RetryAfterHarness.self, RequestHarness.self,
  ]
}
