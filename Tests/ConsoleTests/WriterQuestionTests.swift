import Console
import Testing

@Suite struct WriterQuestionTests {
  @Test func `an answer is given on, and silence is given up`() async throws {
    #expect(try await WriterQuestion.ask { 7 } == 7)
    let silence = AsyncStream<Int> { _ in }
    await #expect(throws: (any Error).self) {
      try await WriterQuestion.ask(within: .milliseconds(1)) { await silence.first { _ in true } }
    }
  }
}
