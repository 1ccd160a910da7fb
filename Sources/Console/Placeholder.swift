import Hummingbird
enum PlaceholderConsole {}
