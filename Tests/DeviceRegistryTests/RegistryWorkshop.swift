import DeviceRegistry
import Foundation
import TestSupport

/// A folder `Devices/` as an integrator writes it, with one file or another exchanged.
enum RegistryWorkshop {
  static let valid = [
    "profiles/traffic.yaml": """
    id: traffic-radar
    domain: traffic
    name: {vi: "Ra-đa giao thông", en: "Traffic radar"}
    interval: 60s
    codec: native
    metrics:
      speed:     {unit: km/h, range: [0, 250], resolution: 0.1}
      occupancy: {unit: "%"}
    """,
    "profiles/door.yaml": """
    id: door
    domain: lighting
    interval: 5m
    metrics:
      door:   {unit: "1", report: on_change, values: {OPEN: 1, CLOSED: 0}}
      energy: {unit: kWh, kind: counter, over_range: use}
    """,
    "sites.yaml": """
    sites:
      - {id: bac-giang, name: Bắc Giang, location: {lat: 21.2733, lon: 106.1946}}
      - {id: viet-yen}
    """,
    "wards.yaml": """
    wards:
      - {code: "07210", valid_from: 2020-01-01, valid_to: 2025-07-01, name: Hoàng Văn Thụ, successors: [{code: "07210", valid_from: 2025-07-01}]}
      - {code: "07210", valid_from: 2025-07-01, name: Phường Bắc Giang}
    """,
    "town.yaml": """
    devices:
      - id: bg-tr-001
        profile: traffic-radar
        name: Hùng Vương – Lý Thái Tổ
        site: bac-giang
        zone: hung-vuong
        ward:
          - {code: "07210", valid_from: 2025-07-01}
          - {code: 07210, valid_from: 2020-01-01, since: 2021-05-01}
        location: {lat: 21.2745, lon: 106.1990}
        attributes: {free_flow: 50, road: urban}
        address: 24E124AB
        source: broker-user
        interval: 30s
        limits: {pm25: 45}
      - {id: a.b_c-1, profile: door, site: viet-yen}
    """,
  ]

  static func load(changing changes: [String: String] = [:]) throws -> Registry {
    let directory = try TemporaryDirectory()
    for (path, text) in valid.merging(changes, uniquingKeysWith: { $1 }) where text != "absent" {
      let url = URL(filePath: directory.path).appending(path: path)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }
    return try withExtendedLifetime(directory) { try RegistryFiles.load(directory: URL(filePath: directory.path)) }
  }

  /// The faults of a load, each as `file:line:column: message` with the file's path from `Devices/`.
  static func faults(changing changes: [String: String]) throws -> [String] {
    do {
      _ = try load(changing: changes)
      return []
    } catch let faults as FileFaults {
      return faults.faults.map { fault in
        var fault = fault
        let parts = fault.file.split(separator: "/")
        fault.file = parts.suffix(parts.dropLast().last == "profiles" ? 2 : 1).joined(separator: "/")
        return fault.description
      }
    }
  }
}
