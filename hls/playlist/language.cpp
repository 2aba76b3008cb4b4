#include "hls/playlist/language.h"

#include <algorithm>

namespace millrace::hls::playlist {
namespace {

struct Row {
  std::string_view terminological;
  std::string_view bibliographic;  ///< Where it is another one.
  Language language;
};

constexpr Row kRows[] = {
    {"ara", "", {"ar", "العربية"}},
    {"bul", "", {"bg", "Български"}},
    {"cat", "", {"ca", "Català"}},
    {"ces", "cze", {"cs", "Čeština"}},
    {"dan", "", {"da", "Dansk"}},
    {"deu", "ger", {"de", "Deutsch"}},
    {"ell", "gre", {"el", "Ελληνικά"}},
    {"eng", "", {"en", "English"}},
    {"est", "", {"et", "Eesti"}},
    {"eus", "baq", {"eu", "Euskara"}},
    {"fas", "per", {"fa", "فارسی"}},
    {"fin", "", {"fi", "Suomi"}},
    {"fra", "fre", {"fr", "Français"}},
    {"gle", "", {"ga", "Gaeilge"}},
    {"glg", "", {"gl", "Galego"}},
    {"heb", "", {"he", "עברית"}},
    {"hin", "", {"hi", "हिन्दी"}},
    {"hrv", "", {"hr", "Hrvatski"}},
    {"hun", "", {"hu", "Magyar"}},
    {"ind", "", {"id", "Bahasa Indonesia"}},
    {"isl", "ice", {"is", "Íslenska"}},
    {"ita", "", {"it", "Italiano"}},
    {"jpn", "", {"ja", "日本語"}},
    {"kor", "", {"ko", "한국어"}},
    {"lav", "", {"lv", "Latviešu"}},
    {"lit", "", {"lt", "Lietuvių"}},
    {"msa", "may", {"ms", "Bahasa Melayu"}},
    {"nld", "dut", {"nl", "Nederlands"}},
    {"nor", "", {"no", "Norsk"}},
    {"pol", "", {"pl", "Polski"}},
    {"por", "", {"pt", "Português"}},
    {"ron", "rum", {"ro", "Română"}},
    {"rus", "", {"ru", "Русский"}},
    {"slk", "slo", {"sk", "Slovenčina"}},
    {"slv", "", {"sl", "Slovenščina"}},
    {"spa", "", {"es", "Español"}},
    {"srp", "", {"sr", "Српски"}},
    {"swe", "", {"sv", "Svenska"}},
    {"tha", "", {"th", "ไทย"}},
    {"tur", "", {"tr", "Türkçe"}},
    {"ukr", "", {"uk", "Українська"}},
    {"vie", "", {"vi", "Tiếng Việt"}},
    {"zho", "chi", {"zh", "中文"}},
};

}  // namespace

Language find_language(std::string_view code) {
  const bool is_code = code.size() == 3 && std::all_of(code.begin(), code.end(), [](char letter) {
                         return letter >= 'a' && letter <= 'z';
                       });
  if (!is_code) return {"und", ""};
  for (const Row& row : kRows)
    if (code == row.terminological || code == row.bibliographic) return row.language;
  return {code, ""};
}

}  // namespace millrace::hls::playlist
