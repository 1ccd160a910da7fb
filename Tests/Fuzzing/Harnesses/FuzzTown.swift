package import DeviceRegistry
import Foundation
import TestSupport

/// The devices that topics and rules are read for.
package enum FuzzTown {
  package static func registry() throws -> Registry {
    let directory = try TemporaryDirectory()
    let root = URL(filePath: directory.path)
    try write(files, below: root)
    return try withExtendedLifetime(directory) { try RegistryFiles.load(directory: root) }
  }

  static func write(_ files: [String: String], below root: URL) throws {
    try FileManager.default.createDirectory(at: root.appending(path: "profiles"), withIntermediateDirectories: true)
    for (path, text) in files { try Data(text.utf8).write(to: root.appending(path: path)) }
  }

  static let files = [
    "profiles/radar.yaml": """
    id: traffic-radar
    domain: traffic
    name: {vi: "Ra-đa giao thông", en: "Traffic radar"}
    interval: 60s
    metrics:
      speed:     {unit: km/h, range: [0, 250], resolution: 0.1}
      occupancy: {unit: "%", resolution: 0.01}
      door:      {unit: "1", report: on_change, resolution: 1, values: {OPEN: 1, CLOSED: 0}}
    """,
    "profiles/air.yaml": """
    id: air-station
    domain: environment
    interval: 5m
    metrics: {pm25: {unit: µg/m³, resolution: 0.1}}
    """,
    "sites.yaml": "sites: [{id: bac-giang, name: Bắc Giang}, {id: viet-yen, name: Việt Yên}]",
    "wards.yaml": "wards: [{code: '07210', valid_from: 2025-07-01, name: Phường Bắc Giang}]",
    "town.yaml": """
    devices:
      - id: bg-tr-001
        profile: traffic-radar
        name: Hùng Vương – Lý Thái Tổ
        site: bac-giang
        zone: hung-vuong
        ward: {code: '07210', valid_from: 2025-07-01}
        attributes: {free_flow: 50, road: urban}
      - {id: vy-tr-001, profile: traffic-radar, site: viet-yen, attributes: {free_flow: 0}}
      - {id: vy-air-001, profile: air-station, site: viet-yen, interval: 10m}
      - {id: a.b_c-1, profile: air-station, site: viet-yen}
    """,
  ]
}
