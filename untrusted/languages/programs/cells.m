% Runs cells of Octave: they come through one descriptor, each a line of JSON; the other is told of their ends.
1;

function end_ = __run_cell__ (code, number, directory)
  end_ = struct ();
  % Octave remembers files by name and time, so each cell has a name of its own. The first word makes it a script.
  name = sprintf ("%s/cell%d.m", directory, number);
  file = fopen (name, "w");
  fputs (file, ["1; " code "\n"]);
  fclose (file);
  try
    __parse_file__ (name);  % says where a mistake is, which source does not
    evalin ("base", sprintf ("source (\"%s\")", name));
  catch failure
    end_.error = "error";
    end_.sentence = strtrim (strrep (failure.message, [" of file " name], ""));
    own = find (strcmp ({failure.stack.file}, name));
    if (! isempty (own))
      end_.sentence = sprintf ("%s (line %d)", end_.sentence, failure.stack(own(1)).line);
    endif
    end_.traceback = ["error: " end_.sentence];
  end_try_catch
  unlink (name);
endfunction

function names = __figures__ (directory)
  names = "";
  for figure_ = sort (get (0, "children"))'
    name = sprintf ("%s/figure%d.png", directory, figure_);
    try
      figure (figure_);
      drawnow ("pngcairo noenhanced size 640,480", name);
      names = [names name "\n"];
    catch failure
      fprintf (stderr, "the figure cannot be drawn: %s\n", failure.message);
    end_try_catch
    close (figure_);
  endfor
endfunction

function __serve__ (cells, ends)
  graphics_toolkit ("gnuplot");
  set (0, "defaultfigurevisible", "off");
  directory = tempname ();
  mkdir (directory);
  number = 0;
  while (true)
    code = fgetl (cells);
    if (! ischar (code))
      exit (0);
    endif
    number++;
    end_ = __run_cell__ (jsondecode (code), number, directory);
    end_.figures = __figures__ (directory);
    fflush (stdout);
    fputs (ends, [jsonencode(end_) "\n"]);
    fflush (ends);
  endwhile
endfunction

warning ("off", "all");
page_screen_output (false);
__serve__ (fopen (["/dev/fd/" argv(){end-1}], "r"), fopen (["/dev/fd/" argv(){end}], "w"));
