import HTTPTypes

/// `/schemas/{file}`: the JSON Schemas of the events that are sent to IOCs, open to everybody who writes a receiver.
struct SchemaRoutes: Sendable {
  /// The documents by the name of their file. `event-1.json` is of the whole event; the others are what its `dataschema` names.
  static let documents: [String: [UInt8]] = [
    "event-1.json": PackageResources.event_1_json, "alert-1.json": PackageResources.alert_1_json,
    "gap-1.json": PackageResources.gap_1_json, "alive-1.json": PackageResources.alive_1_json, "test-1.json": PackageResources.test_1_json,
  ]

  func one(_ call: Call) async throws -> Answer {
    guard let document = Self.documents[call.segment("file")] else {
      throw Problem.notFound("no such schema; there are \(Self.documents.keys.sorted().joined(separator: ", "))")
    }
    return Answer(status: .ok, contentType: "application/schema+json", body: document)
  }
}
