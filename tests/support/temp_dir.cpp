#include "support/temp_dir.hpp"

#include <stdlib.h>

#include <stdexcept>

namespace varve::test {

TempDir::TempDir() {
    auto form = (std::filesystem::temp_directory_path() / "varve-test-XXXXXX").string();
    if (::mkdtemp(form.data()) == nullptr) throw std::runtime_error{"cannot make " + form};
    path_ = form;
}

TempDir::~TempDir() {
    std::error_code ignored;  // a test may have taken the rights away on purpose; what is left is in /tmp
    std::filesystem::remove_all(path_, ignored);
}

void write_text(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file{path, std::ios::binary};
    file << text;
    if (!file.flush()) throw std::runtime_error{"cannot write " + path.string()};
}

std::string read_text(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) throw std::runtime_error{"cannot read " + path.string()};
    return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace varve::test
