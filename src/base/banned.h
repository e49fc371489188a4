/* Functions whose result depends on luck are compile errors. Included last by
 * base.h, so that the system headers come first in every file. A file that has
 * to call one undefines its name and says why. */
#ifndef HOLM_BASE_BANNED_H
#define HOLM_BASE_BANNED_H

#define BANNED(name) banned_function_##name

#undef strcpy
#define strcpy BANNED(strcpy)
#undef strcat
#define strcat BANNED(strcat)
#undef strncpy
#define strncpy BANNED(strncpy)
#undef strncat
#define strncat BANNED(strncat)
#undef sprintf
#define sprintf BANNED(sprintf)
#undef vsprintf
#define vsprintf BANNED(vsprintf)
#undef strtok
#define strtok BANNED(strtok)
#undef atoi
#define atoi BANNED(atoi)
#undef atol
#define atol BANNED(atol)
#undef strtol
#define strtol BANNED(strtol)
#undef sscanf
#define sscanf BANNED(sscanf)
#undef system
#define system BANNED(system)
#undef popen
#define popen BANNED(popen)
#undef gmtime
#define gmtime BANNED(gmtime)
#undef localtime
#define localtime BANNED(localtime)
#undef sleep
#define sleep BANNED(sleep)
#undef usleep
#define usleep BANNED(usleep)

#endif
