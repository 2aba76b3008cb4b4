# millrace_library(NAME [DEPENDS folder…] [PUBLIC target…] [PRIVATE target…])
#
# One static library per folder, of every .cpp below it but main.cpp. Headers are included by their
# path from the root ("media/bytes.h").
function(millrace_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "DEPENDS;PUBLIC;PRIVATE")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS
       "${CMAKE_SOURCE_DIR}/${name}/*.cpp" "${CMAKE_SOURCE_DIR}/${name}/*.S")
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$|/node_modules/")
  if(NOT sources)  # While the folder is empty.
    file(WRITE "${CMAKE_BINARY_DIR}/empty.cpp" "")
    set(sources "${CMAKE_BINARY_DIR}/empty.cpp")
  endif()
  add_library(millrace_${name} STATIC ${sources})
  target_include_directories(millrace_${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  list(TRANSFORM ARG_DEPENDS PREPEND "millrace_")
  target_link_libraries(millrace_${name} PUBLIC ${ARG_DEPENDS} ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  target_compile_options(millrace_${name} PRIVATE ${MILLRACE_WARNINGS})
endfunction()

set(MILLRACE_WARNINGS
    $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Werror>)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND MILLRACE_WARNINGS $<$<COMPILE_LANGUAGE:CXX>:-Wthread-safety;-Werror=thread-safety>)
endif()
