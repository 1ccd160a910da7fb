import Foundation

/// A town of four devices and the rules over it, as the texts that a product would read from files.
package enum SimulatedTown {
  /// A whole minute, in milliseconds since the epoch: when its traces begin.
  package static let start: Int64 = 1_763_683_200_000

  package static let files = [
    "profiles/radar.yaml": """
    id: radar
    domain: traffic
    interval: 60s
    metrics:
      speed:     {unit: km/h, range: [0, 250], resolution: 0.1}
      occupancy: {unit: "%", range: [0, 100], resolution: 0.01}
      queue:     {unit: m, range: [0, 100], resolution: 1, over_range: use}
      volume:    {unit: "1", resolution: 1}
    """,
    "profiles/cabinet.yaml": """
    id: cabinet
    domain: lighting
    interval: 60s
    metrics:
      power: {unit: W, resolution: 1}
      door:  {unit: "1", report: on_change, resolution: 1, values: {OPEN: 1, CLOSED: 0}}
    """,
    "sites.yaml": "sites: [{id: s}, {id: z}]",
    "town.yaml": """
    devices:
      - {id: tr-1, profile: radar, site: s}
      - {id: tr-2, profile: radar, site: s}
      - {id: tr-3, profile: radar, site: z}
      - {id: cab-1, profile: cabinet, site: s}
    """,
  ]

  package static let rules = """
    rules:
      - {id: jam, when: "mean(speed, 3m) < 20 and mean(occupancy, 3m) > 35", hold: 1m, clear: "mean(speed, 3m) > 25", clear_hold: 1m, severity: major}
      - {id: slow-now, when: last(speed) < 10, severity: minor}
      - {id: silent, when: age(speed) > 2m, hold: 1m, severity: minor}
      - {id: either, when: last(speed) < 5 or last(volume) > 90, clear: last(occupancy) < 50, severity: critical}
      - {id: spread, when: "max(speed, 5m) - min(speed, 5m) > 40", hold: 2m, severity: info}
      - {id: few, when: "count(speed, 5m) < 3", clear: "count(speed, 5m) > 4", severity: info}
      - {id: door, when: last(door) == 1, hold: 1m, clear_hold: 30s, severity: major}
      - {id: door-dead, when: last(door) == 1 and age(power) > 90s, severity: critical}
      - {id: flips, when: last(occupancy) > 30, severity: info, flapping: {turns: 4, within: 10m}}
      - {id: slow-long, when: last(speed) < 10, hold: 1m, severity: minor, remind: 3m, escalate: [{severity: major, when: last(speed) < 5, hold: 1m}, {severity: critical, when: "count(speed, 5m) > 3"}]}
      - {id: crawl, when: last(speed) < 12, severity: major, inhibited_by: [{rule: silent, same: site}, {rule: slow-now, same: device}]}
    """

  /// The town's files in a directory of their own.
  package static func directory() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    let root = URL(filePath: directory.path)
    try FileManager.default.createDirectory(at: root.appending(path: "profiles"), withIntermediateDirectories: true)
    for (path, text) in files { try Data(text.utf8).write(to: root.appending(path: path)) }
    return directory
  }
}
