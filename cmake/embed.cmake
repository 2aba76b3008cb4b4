# millrace_embed(TARGET PREFIX ASSETS url=file…): the files become part of TARGET, which finds
# them by way of PREFIX.inc (see embed_assets.py).
find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(millrace_embed target prefix)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "" "ASSETS")
  set(out "${CMAKE_BINARY_DIR}/generated")
  set(files "")
  foreach(asset ${ARG_ASSETS})
    string(REGEX REPLACE "^[^=]*=" "" file "${asset}")
    if(NOT EXISTS "${file}")
      message(FATAL_ERROR "${file} is missing. The page's player library is installed with\n"
              "  (cd ${CMAKE_SOURCE_DIR}/app/console && npm ci --ignore-scripts --omit=dev)\n"
              "which scripts/setup does.")
    endif()
    list(APPEND files "${file}")
  endforeach()
  set(script "${CMAKE_SOURCE_DIR}/cmake/embed_assets.py")
  add_custom_command(
    OUTPUT "${out}/${prefix}.S" "${out}/${prefix}.inc"
    COMMAND Python3::Interpreter "${script}" "${out}" ${prefix} ${ARG_ASSETS}
    DEPENDS ${files} "${script}" VERBATIM)
  # .incbin is nothing that a dependency file tells of.
  set_source_files_properties("${out}/${prefix}.S" PROPERTIES OBJECT_DEPENDS "${files}")
  target_sources(${target} PRIVATE "${out}/${prefix}.S" "${out}/${prefix}.inc")
  target_include_directories(${target} PRIVATE "${out}")
endfunction()
