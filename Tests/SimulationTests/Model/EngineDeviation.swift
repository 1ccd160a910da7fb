/// Where the engine is known to do otherwise than the contract says. The model can be told to do the same, so that all the rest can be
/// compared; `ContractCornerTests` shows each, and fails as soon as one is mended.
enum EngineDeviation: CaseIterable {
  /// An alert is raised (and cleared) when its condition was true throughout the hold. The engine forgets that the condition was false
  /// at a T within the hold, where that was said before an evaluation of an earlier T: when one metric lags behind another.
  case holdsSpanTimesThatWereFalse
}
