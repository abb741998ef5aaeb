/// The operator's own body of a webhook: text with {names} in it. Pure.
#pragma once

#include <map>
#include <string>

namespace varve {

using NoticeWords = std::map<std::string, std::string>;

/// Fault::invalid for a {name} that there is none of, with those that there are.
void check_notice_template(const std::string& text);
/// In a template that is a JSON document the words are escaped as inside a JSON string; in any other they stand as they are.
std::string fill_notice_template(const std::string& text, const NoticeWords& words);

}  // namespace varve
