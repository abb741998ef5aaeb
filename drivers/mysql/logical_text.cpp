#include "mysql/logical_text.hpp"

#include <algorithm>
#include <cstring>

#include "varve/error.hpp"

namespace varve::mysql {

namespace {

constexpr std::size_t step = 16;  // what one look covers: the loop over it becomes one comparison of a vector

bool needs_escape(unsigned char byte) { return byte == '\\' || byte == '\t' || byte == '\n' || byte == '\0'; }

bool any_needs_escape(const unsigned char* block) {
    unsigned found = 0;
    for (std::size_t i = 0; i < step; ++i) found |= static_cast<unsigned>(needs_escape(block[i]));
    return found != 0;
}

unsigned char escape_letter(unsigned char byte) {
    switch (byte) {
        case '\t':
            return 't';
        case '\n':
            return 'n';
        case '\0':
            return '0';
        default:
            return byte;
    }
}

}  // namespace

void RowText::grow(std::size_t more) {
    if (used_ + more > bytes_.size()) bytes_.resize(std::max(used_ + more, bytes_.size() + bytes_.size() / 2));
}

void RowText::add_field(std::optional<std::string_view> text) {
    grow(2 * (text ? text->size() : 1) + step + 1);
    auto* out = bytes_.data() + used_;
    if (in_row_) *out++ = '\t';
    in_row_ = true;
    if (!text) {
        *out++ = '\\';
        *out++ = 'N';
    } else {
        const auto* in = reinterpret_cast<const unsigned char*>(text->data());
        const auto* const end = in + text->size();
        while (in != end) {
            if (static_cast<std::size_t>(end - in) >= step && !any_needs_escape(in)) {
                std::memcpy(out, in, step);
                in += step;
                out += step;
                continue;
            }
            const auto* const stop = in + std::min<std::size_t>(step, static_cast<std::size_t>(end - in));
            for (; in != stop; ++in) {
                if (needs_escape(*in)) {
                    *out++ = '\\';
                    *out++ = escape_letter(*in);
                } else {
                    *out++ = *in;
                }
            }
        }
    }
    used_ = static_cast<std::size_t>(out - bytes_.data());
}

void RowText::end_row() {
    grow(1);
    bytes_[used_++] = '\n';
    in_row_ = false;
}

Bytes RowText::take() {
    auto taken = to_bytes(ByteView{bytes_}.first(used_));
    used_ = 0;
    return taken;
}

std::string insert_values(std::string_view text, const std::vector<std::string>& frames) {
    std::string values;
    while (!text.empty()) {
        const auto row_end = text.find('\n');
        if (row_end == std::string_view::npos) throw Error{Fault::corrupt, "the rows of a table end within one"};
        auto row = text.substr(0, row_end);
        text.remove_prefix(row_end + 1);
        values += values.empty() ? "(" : ",(";
        for (std::size_t column = 0; column < frames.size(); ++column) {
            const auto end = column + 1 == frames.size() ? row.size() : row.find('\t');
            if (end == std::string_view::npos) throw Error{Fault::corrupt, "a row of a table has too few fields"};
            const auto field = row.substr(0, end);
            row.remove_prefix(std::min(row.size(), end + 1));
            if (column > 0) values += ',';
            if (field == "\\N") {
                values += "NULL";
                continue;
            }
            const auto& frame = frames[column];
            const auto place = frame.find('%');
            values.append(frame, 0, place);
            values += "_binary'";
            for (const char c : field) {  // its escapes mean the same in a literal
                if (c == '\'') values += '\\';
                values += c;
            }
            values += '\'';
            values.append(frame, place + 1);
        }
        values += ')';
    }
    return values;
}

}  // namespace varve::mysql
