"""Has R's kernel show plots where they stand in a cell; by itself it shows the last one at the end."""

from __future__ import annotations

# The kernel holds a plot back, for the next lines may add to it. Here it is shown before anything else is said, and
# shown anew in its place when it has grown. The methods of the kernel's own object are replaced, once, before any cell.
IN_THEIR_PLACE = """
local({
    executor <- environment(getOption("jupyter.base_display_func"))
    display_id <- NULL
    is_shown <- TRUE
    is_being_shown <- FALSE
    plots <- 0

    replace_method <- function(name, change) {
        original <- get(name, envir = executor)
        if (bindingIsLocked(name, executor)) unlockBinding(name, executor)
        assign(name, change(original), envir = executor)
    }
    show_plot <- function() {
        if (is_shown || is_being_shown || is.null(executor$last_recorded_plot)) return(invisible())
        error <- executor$err
        executor$send_plot(executor$last_recorded_plot)
        if (length(error)) executor$err <- error
    }
    replace_method("handle_graphics", function(original) function(plotobj) {
        last <- executor$last_recorded_plot
        is_new <- is.null(last) || !IRkernel:::plot_builds_upon(last, plotobj)
        original(plotobj)
        if (is_new) display_id <<- NULL
        is_shown <<- FALSE
    })
    replace_method("send_plot", function(original) function(plotobj) {
        if (is_shown) return(invisible())
        is_being_shown <<- TRUE
        on.exit({ is_being_shown <<- FALSE; is_shown <<- TRUE })
        original(plotobj)
    })
    replace_method("send_response", function(original) function(msg_type, parent_msg, socket_name, content) {
        force(content)
        if (msg_type == "display_data" && is_being_shown && length(content$data)) {
            if (is.null(display_id)) {
                plots <<- plots + 1
                display_id <<- paste0("plot-", Sys.getpid(), "-", plots)
            } else msg_type <- "update_display_data"
            content$transient <- list(display_id = display_id)
        } else if (msg_type %in% c("display_data", "stream", "error", "clear_output", "input_request")) {
            show_plot()
        }
        original(msg_type, parent_msg, socket_name, content)
    })
})
"""
