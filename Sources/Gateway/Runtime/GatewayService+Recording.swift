import Database
import Readings

extension Writer {
  /// The engine's inputs go to `recording` from now on.
  ///
  /// - Throws: `ControlProblem` where another recording runs, or there is no engine any more.
  package func begin(_ recording: InputRecording) throws(ControlProblem) { try core.begin(recording) }

  package func end(_ recording: InputRecording) { core.end(recording) }

  /// The engine's inputs go to somebody.
  package var isRecording: Bool { core.engine.recording != nil }
}

extension WriterCore {
  /// A trace begins with the clock and the state of the intake: the rest of the state is the store's.
  func begin(_ recording: InputRecording) throws(ControlProblem) {
    if hasEnded { throw ControlProblem(.unavailable, "the gateway has ended") }
    guard engine.recording == nil else { throw ControlProblem(.busy, "another recording is running; there is one at a time") }
    if let clock = engine.clock { recording.intake(isUp: engine.isIntakeUp, at: clock) }
    engine.recording = recording
  }

  func end(_ recording: InputRecording) {
    recording.stop()
    if engine.recording === recording { engine.recording = nil }
  }
}
