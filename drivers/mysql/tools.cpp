#include "mysql/tools.hpp"

#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <random>

#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::mysql {

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> folders_of_path() {
    std::vector<fs::path> folders;
    const char* path = ::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "";
    while (!rest.empty()) {
        const auto one = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(rest.size(), one.size() + 1));
        if (!one.empty()) folders.emplace_back(one);
    }
    for (const auto* usual : {"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/libexec"})
        folders.emplace_back(usual);
    return folders;
}

/// For an option file: within double quotes, with what would end them or is an escape there.
std::string quoted_option(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "\"";
}

}  // namespace

std::optional<fs::path> find_tool(const fs::path& bin_dir, const std::vector<std::string>& names) {
    // Distributions put the server apart from its other programs: /usr/sbin beside /usr/bin.
    const auto folders =
        bin_dir.empty() ? folders_of_path() : std::vector<fs::path>{bin_dir, (bin_dir / "..").lexically_normal() / "sbin"};
    for (const auto& folder : folders)
        for (const auto& name : names)
            if (::access((folder / name).c_str(), X_OK) == 0) return folder / name;
    return std::nullopt;
}

fs::path tool(const fs::path& bin_dir, const std::vector<std::string>& names) {
    if (auto found = find_tool(bin_dir, names)) return *found;
    const auto where = bin_dir.empty() ? std::string{"in PATH"} : "in " + bin_dir.string();
    throw Error{Fault::missing, "there is no " + names.front() + " " + where}.hint(
        "Install the server's own programs of the same series, or name their folder with bin_dir.");
}

std::string ServerVersion::text() const {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

ServerVersion parse_version(std::string_view text) {
    for (std::size_t begin = 0; begin < text.size(); ++begin) {
        std::array<int, 3> numbers{};
        const char* at = text.data() + begin;
        const char* const end = text.data() + text.size();
        std::size_t count = 0;
        for (; count < numbers.size(); ++count) {
            const auto [next, problem] = std::from_chars(at, end, numbers[count]);
            if (problem != std::errc{} || next == at) break;
            at = next;
            if (count < 2 && (at == end || *at++ != '.')) break;
        }
        if (count == numbers.size()) return {numbers[0], numbers[1], numbers[2]};
        while (begin + 1 < text.size() && text[begin] >= '0' && text[begin] <= '9') ++begin;
    }
    throw Error{Fault::invalid, "\"" + std::string{text.substr(0, 80)} + "\" tells no version"};
}

bool is_server_of(Connection& connection, const fs::path& data) {
    auto pid_file = fs::path{connection.value("SELECT @@pid_file")};
    if (pid_file.is_relative()) pid_file = data / pid_file;
    const auto content = find_file(pid_file, 4096);
    if (!content) return false;
    const auto text = text_of(*content);
    int pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), pid);
    std::error_code problem;
    const auto working_directory = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", problem);
    if (problem) return false;
    const auto real = fs::canonical(data, problem);
    return !problem && working_directory == real;
}

LoginFile::LoginFile(const fs::path& folder, const ConnectionSettings& settings, const std::string& password, Flavour programs) {
    std::random_device random;
    path_ = folder / (".login-" + std::to_string(::getpid()) + "-" + std::to_string(random()) + ".cnf");
    std::string text = "[client]\nuser=" + quoted_option(settings.user) + "\n";
    if (!password.empty()) text += "password=" + quoted_option(password) + "\n";
    if (!settings.socket.empty()) {
        text += "protocol=socket\nsocket=" + quoted_option(settings.socket.string()) + "\n";
    } else {
        text += "protocol=tcp\nhost=" + quoted_option(settings.host) + "\nport=" + std::to_string(settings.port) + "\n";
        // Left alone, MariaDB's programs use no TLS and MySQL's any that they get.
        if (must_be_verified(settings))
            text += programs == Flavour::mariadb ? "ssl\nssl-verify-server-cert\n" : "ssl-mode=VERIFY_IDENTITY\n";
        if (const auto ca = authority_of(settings); !ca.empty()) text += "ssl-ca=" + quoted_option(ca.string()) + "\n";
        if (!settings.certificate.empty()) text += "ssl-cert=" + quoted_option(settings.certificate.string()) + "\n";
        if (!settings.key.empty()) text += "ssl-key=" + quoted_option(settings.key.string()) + "\n";
    }
    make_directories(folder);
    create_file(path_, view_of(text), 0600);
}

LoginFile::~LoginFile() { ::unlink(path_.c_str()); }

}  // namespace varve::mysql
